"""Points 4, 6 and 7 from outside: pages beside nginx, health under load, streams."""

import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time

from bench_files import make_log, remove_db
from bench_tools import Failed, Times, alternate, daemon, free_port, percentile, run

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "integration"))
from blockwatch_server import Server  # noqa: E402

PAGE = "/api/v1/events?limit=100"
# Questions that look at many rows: whatever the store does, these are its hardest.
HARD = ("/api/v1/events?q=no-such-text&count=exact", "/api/v1/stats/top?by=remote_address&q=e",
        "/api/v1/stats/top?by=process_id&remote_port__not=443", "/api/v1/stats/timeline?bucket=1m&local_port__not=22",
        "/api/v1/events?record_id__not=1&remote_port=1-65535&count=exact",
        "/api/v1/stats/top?by=local_port&port__not=1")


def wrk(url, connections, seconds, script=None):
    """(requests a second, median latency in ms) of one run."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    output = run([*command, *(["-s", script] if script else []), url])
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    p50 = re.search(r"50%\s+([\d.]+)(us|ms|s)", output)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", output)
    if not rate or not p50 or bad:
        raise Failed(f"wrk {url}: {output[-400:]}")
    return float(rate.group(1)), float(p50.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[p50.group(2)]


def nginx_config(folder, port):
    os.makedirs(os.path.join(folder, "tmp"), exist_ok=True)
    places = "".join(f"{kind}_temp_path {folder}/tmp;" for kind in
                     ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w", encoding="ascii") as out:
        if os.geteuid() == 0:  # the worker would be another user, who cannot read our temporary folder
            out.write("user root;")
        out.write(f"worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr crit;"
                  "events { worker_connections 1024; }"
                  f"http {{ access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; {places}"
                  "types { application/json json; }"
                  f"server {{ listen 127.0.0.1:{port}; root {folder}/root; }} }}\n")
    return path


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def many_pages(context, server):
    """A wrk script that asks for another page each time: what an answer kept from before cannot help."""
    path = context.path("pages.lua")
    with open(path, "w", encoding="ascii") as out:
        out.write("local n = 0\nrequest = function()\n  n = (n + 7919) % 2592000\n"
                  f"  return wrk.format('GET', '{PAGE}&until=' .. (1700000000 + n))\nend\n")
    server.get(PAGE + "&until=1701000000")
    return path


def pages(context):
    if not context.big_folder:
        raise Failed("the import part makes the database that is asked here")
    with Server(context.server, context.big_folder, "--source", "none") as server:
        beside_nginx(context, server)
        hard_questions(context, server)


def beside_nginx(context, server):
    results = context.results
    targets = [(c, f"page of 100, {c} connection{'s' if c > 1 else ''}: our time over nginx's") for c in (1, 16)]
    tools = [context.peer(name, "HTTP beside nginx") for name in ("nginx", "wrk")]
    if not all(tools):
        for _, what in targets:
            results.not_measured(6, what, "<= 2x", "nginx or wrk is not installed")
        return
    folder = context.path("nginx")
    os.makedirs(os.path.join(folder, "root"), exist_ok=True)
    status, _, body = server.request(PAGE)
    if status != 200:
        raise Failed(f"{PAGE}: {status}")
    with open(os.path.join(folder, "root", "page.json"), "wb") as out:
        out.write(body)
    port = free_port()
    config = nginx_config(folder, port)
    results.command("nginx -c nginx.conf (one worker, sendfile, no access log)")
    urls = {"ours": (server.url + PAGE, None), "nginx": (f"http://127.0.0.1:{port}/page.json", None),
            "other pages": (server.url + PAGE, many_pages(context, server))}
    seconds, runs = context.pick((1, 2), (4, 7))
    with daemon([tools[0], "-c", config, "-p", folder], lambda: answers(port)):
        for connections, what in targets:
            results.command(f"wrk -t1 -c{connections} -d{seconds}s --latency URL")
            latencies = {name: Times() for name in urls}

            def once(name):
                rate, p50 = wrk(urls[name][0], connections, seconds, urls[name][1])
                latencies[name].values.append(p50)
                return rate
            rates = alternate({name: lambda name=name: once(name) for name in urls}, runs)
            nginx = f"nginx {rates['nginx'].spread(0, '')}"
            for name, how in (("ours", "the same page again"), ("other pages", "another page each time")):
                ratio = rates["nginx"].median / rates[name].median
                results.add(6, f"{what}, {how}, {len(body)} bytes", "<= 2x", f"{ratio:.2f}x", ratio <= 2,
                            f"requests/s: ours {rates[name].spread(0, '')}, {nginx}; p50 "
                            f"{latencies[name].median:.3f} ms and {latencies['nginx'].median:.3f} ms")


def hard_questions(context, server):
    """Whatever takes too long is a 503 that says so, and the server goes on answering."""
    told, slowest = {}, 0.0
    with HealthWatch(server.port) as health:
        for path in HARD:
            start = time.perf_counter()
            status, _, body = server.request(path)
            slowest = max(slowest, time.perf_counter() - start)
            told[status] = told.get(status, 0) + 1
            if status == 503 and b"problem" not in body and b"code" not in body:
                raise Failed(f"{path}: 503 without a problem: {body[:200]!r}")
    context.results.add(5, "the hardest questions over HTTP: answered, or 503 at the deadline", "200 or 503, < 6 s",
                        ", ".join(f"{n} x {s}" for s, n in sorted(told.items())),
                        set(told) <= {200, 503} and slowest < 6, f"slowest {slowest * 1e3:.0f} ms; "
                        f"health meanwhile {health.told()}")


class HealthWatch:
    """Asks for the health on one connection, over and over, until it is left."""

    def __init__(self, port, pause=0.005):
        self.port, self.pause, self.ms = port, pause, []
        self._stop = threading.Event()
        self._failed = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            while not self._stop.is_set():
                start = time.perf_counter()
                connection.request("GET", "/health/live")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise Failed(f"health: {answer.status}")
                self.ms.append((time.perf_counter() - start) * 1e3)
                time.sleep(self.pause)
        except (OSError, http.client.HTTPException, Failed) as error:
            self._failed = error
        finally:
            connection.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        self._thread.join()

    @property
    def p99(self):
        if self._failed or not self.ms:
            raise Failed(f"health was not answered: {self._failed}")
        return percentile(self.ms, 0.99)

    def told(self):
        return f"p99 {self.p99:.1f} ms, max {max(self.ms):.1f} ms, {len(self.ms)} answers"


def health_during_import(context):
    path, made = make_log(context, "health.evtx", "--wanted", context.pick(30_000, 2_000_000), "--per-mille", 1000)
    folder = context.path("health")
    os.makedirs(folder, exist_ok=True)
    with Server(context.server, folder, "--source", f"evtx:{path}") as server:
        with HealthWatch(server.port) as watch:
            end = time.monotonic() + 600
            while server.rows() < made["wanted"]:
                if time.monotonic() > end:
                    raise Failed("the import does not end")
                time.sleep(0.05)
    context.results.command("blockwatchd --source evtx:health.evtx, GET /health/live every 5 ms")
    context.results.add(6, "health during a full-speed import", "p99 < 50 ms", f"p99 {watch.p99:.1f} ms",
                        watch.p99 < 50, watch.told() + f"; {made['wanted']:,} rows")
    os.remove(path)
    remove_db(server.db)


def health_with_streams(context):
    wanted = context.pick(20, 500)
    what = f"health with {wanted} streams open"
    folder = context.path("streams")
    os.makedirs(folder, exist_ok=True)
    with Server(context.server, folder, "--source", "none") as server:
        streams, refused = [], 0
        try:
            for _ in range(wanted):
                connection = server.stream("/api/v1/events/stream")
                streams.append(connection)
                refused += b" 200 " not in connection.recv(64)
            if refused:
                context.results.add(6, what, "p99 < 50 ms", f"{wanted - refused} streams were let in", False)
                return
            with HealthWatch(server.port) as watch:
                time.sleep(context.pick(1, 10))
            context.results.add(6, what, "p99 < 50 ms", f"p99 {watch.p99:.1f} ms", watch.p99 < 50, watch.told())
        finally:
            for connection in streams:
                connection.close()


def health(context):
    health_during_import(context)
    health_with_streams(context)


STREAM_FIGURES = {
    "delivered": r"([\d.]+) delivered/s", "closed": r"(\d+) closed", "disordered": r"(\d+) out of order",
    "incomplete": r"(\d+) without", "p50": r"p50 ([\d.]+) ms", "p99": r"p99 ([\d.]+) ms",
    "cpu": r"server ([\d.]+) % of a core", "mb": r"\+(-?[\d.]+) MB"}


def stream_run(context, clients, rate, seconds):
    command = [context.need("bench_streams"), "--clients", str(clients), "--rate", str(rate), "--seconds",
               str(seconds), "--server", context.server]
    context.results.command(" ".join(["bench_streams", *command[1:-2]]))
    done = subprocess.run(command, capture_output=True, text=True)
    found = {name: re.search(pattern, done.stdout) for name, pattern in STREAM_FIGURES.items()}
    if not all(found.values()):
        raise Failed(f"bench_streams: {(done.stderr or done.stdout)[-300:]}")
    return {name: float(match.group(1)) for name, match in found.items()}


def streams(context):
    results = context.results
    clients, rate, seconds = context.pick((20, 100, 2), (1000, 1000, 15))
    what = f"{clients:,} clients at {rate:,} events/s"
    targets = (("none lost, none closed, in order", "0"), ("arrival to client", "p99 < 60 ms"),
               ("processor of the server", "< 70 % of a core"), ("memory for them all", "< 40 MB"))
    if not context.program("bench_streams"):
        for name, target in targets:
            results.not_measured(7, f"{what}: {name}", target, "bench_streams is not built")
        results.not_measured(4, "arrival to every stream over HTTP", "p99 < 50 ms", "bench_streams is not built")
        return
    f = stream_run(context, clients, rate, seconds)
    faults = f["closed"] + f["disordered"] + f["incomplete"]
    results.add(7, f"{what}: {targets[0][0]}", "0", f"{faults:.0f}", faults == 0,
                f"{f['delivered']:,.0f} delivered/s for {seconds} s")
    results.add(7, f"{what}: {targets[1][0]}", targets[1][1], f"p99 {f['p99']:.1f} ms", f["p99"] < 60,
                f"p50 {f['p50']:.1f} ms")
    results.add(7, f"{what}: {targets[2][0]}", targets[2][1], f"{f['cpu']:.0f} %", f["cpu"] < 70)
    results.add(7, f"{what}: {targets[3][0]}", targets[3][1], f"{f['mb']:.1f} MB", f["mb"] < 40)
    clients, rate, seconds = context.pick((3, 500, 2), (10, 5000, 60))
    f = stream_run(context, clients, rate, seconds)
    results.add(4, f"{rate:,} events/s through a source: arrival to {clients} streams over HTTP", "p99 < 50 ms",
                f"p99 {f['p99']:.1f} ms", f["p99"] < 50 and f["incomplete"] == 0,
                f"p50 {f['p50']:.1f} ms, {seconds} s, {f['incomplete']:.0f} streams without every event")
