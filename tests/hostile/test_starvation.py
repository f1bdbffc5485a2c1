"""Many clients that want nothing done: silent, slow, streams never read, more than the cap; then the storms of known tools.
Everybody else must be served as if they were not there.

Environment: BLOCKWATCHD."""

import re
import selectors
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from target import LONG, PROGRAM, TIME_FACTOR, Counts, Target, skip
from wire import parse

from records import rendered_xml

# As the server has them (server/http_server.h).
HEADER_S, BODY_S, IDLE_S, CONNECTIONS = 10, 30, 15, 1024
EVENTS = 20_000
LOOSE_S = 4  # how much later than its deadline something may be seen on a busy machine


class Crowd:
    """Connections that each send a first piece, then perhaps a byte every two seconds, and perhaps never read."""

    def __init__(self, target, name, size, first=b"", drip=b"", reads=True):
        self.name, self.drip, self.reads = name, drip, reads
        self.start = self.dripped = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.received = {}
        self.ended = {}
        for _ in range(size):
            connection = target.connect()
            connection.sendall(first)
            connection.setblocking(False)
            self.received[connection] = b""
            if reads:
                self.selector.register(connection, selectors.EVENT_READ)

    def tend(self):
        now = time.monotonic()
        for key, _ in self.selector.select(0):
            try:
                piece = key.fileobj.recv(65536)
            except ConnectionResetError:
                piece = b""
            self.received[key.fileobj] += piece
            if not piece:
                self.ended[key.fileobj] = now - self.start
                self.selector.unregister(key.fileobj)
        if self.drip and now - self.dripped > 2:
            self.dripped = now
            for connection in self.received.keys() - self.ended.keys():
                try:
                    connection.send(self.drip)
                except OSError:
                    pass  # seen as ended when it is read

    def statuses(self):
        return [answer.status for received in self.received.values() if received for answer in parse(received)]

    def close(self):
        self.selector.close()
        for connection in self.received:
            connection.close()

    def expect_cut(self, counts, deadline, status):
        """All were ended in time, each with the status (None: without a word)."""
        times = sorted(self.ended.values())
        wanted = [] if status is None else [status] * len(self.received)
        counts.check(f"{len(self.received)} {self.name} are cut after {deadline} s",
                     len(times) == len(self.received) and deadline - 1 <= times[0] and times[-1] <= deadline + LOOSE_S
                     and self.statuses() == wanted,
                     f"{len(times)} ended from {times[:1]} to {times[-1:]} s with {set(self.statuses())}")

    def expect_open(self, counts):
        counts.check(f"{len(self.received)} {self.name} are kept", not self.ended, f"{len(self.ended)} ended")


def tend_for(crowds, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for crowd in crowds:
            crowd.tend()
        time.sleep(0.05)


def starve(target, counts):
    slow_body = target.head("PUT /api/v1/audit/policy HTTP/1.1", target.authorized("audit"), "If-Match: *",
                            "Content-Type: application/json", "Content-Length: 1000")
    stream = "GET /api/v1/events/stream{} HTTP/1.1"
    with target.watch() as watch:
        idle = Crowd(target, "silent clients", 200)
        heads = Crowd(target, "slow heads", 200, b"GET / HTTP/1.1\r\n", b"X")
        bodies = Crowd(target, "slow bodies", 200, slow_body, b" ")
        streams = Crowd(target, "streams", 200, target.head(stream.format("")))
        unread = Crowd(target, "streams that are never read", 64, target.head(stream.format("?after=0")), reads=False)
        crowds = (idle, heads, bodies, streams, unread)
        tend_for(crowds, (BODY_S if LONG else IDLE_S) + LOOSE_S)
        idle.expect_cut(counts, IDLE_S, None)
        heads.expect_cut(counts, HEADER_S, 408)
        if LONG:
            bodies.expect_cut(counts, BODY_S, 408)
            told = {one["status"] for one in target.get("/api/v1/audit/refusals").json["refusals"]}
            counts.check("the trail has what they were told", 408 in told and told <= {408, None}, told)
        streams.expect_open(counts)
        for crowd in crowds:
            crowd.close()
    print("starvation:", watch)
    return watch.faults()


def want_much(target):
    """All at once ask for the largest answer that needs no token, unpacked, and take nothing of it."""
    with target.watch() as watch:
        crowd = Crowd(target, "clients that want much", 400, reads=False)
        for connection in crowd.received:
            connection.sendall(target.head("GET /docs/swagger-ui-bundle.js HTTP/1.1"))
        tend_for([crowd], 3)
        crowd.close()
    print("starvation: answers that are not taken;", watch)
    return watch.faults()


def wait_until_gone(target):
    """The clients before have left their places, which takes a write to the disk for each change that was refused."""
    deadline = time.monotonic() + 60
    while "\nblockwatch_http_connections 1\n" not in target.get("/metrics").text:
        if time.monotonic() > deadline:
            raise AssertionError("the clients before still have connections")


def beyond_the_cap(target, counts):
    """More slow clients than the server has places: the others are told so, and soon there is room again."""
    wait_until_gone(target)
    crowd = Crowd(target, "slow heads", CONNECTIONS + 76, b"GET / HTTP/1.1\r\n", b"X")
    tend_for([crowd], 2)
    statuses = crowd.statuses()
    counts.check("one too many is told so", statuses == [503] * 76, f"{len(statuses)} answers, {set(statuses)}")
    counts.check("and when to come again", all(
        b"Retry-After: 1\r\n" in received for received in crowd.received.values() if received))
    tend_for([crowd], HEADER_S + LOOSE_S - 2)
    counts.check("there is room again when they are cut", target.get("/health/live").status == 200)
    crowd.close()


def slowhttptest(target, counts):
    """-H slow heads, -B slow bodies, -X slow readers."""
    tool = shutil.which("slowhttptest") or skip("slowhttptest")
    for mode, path, *more in (("-H", "/", "-i", "2"), ("-B", "/api/v1/imports", "-i", "2", "-t", "POST"),
                              ("-X", "/api/v1/events?limit=1000", "-a", "1")):
        def load():
            with target.watch() as watch, tempfile.TemporaryDirectory() as folder:
                subprocess.run([tool, mode, *more, "-c", "200", "-r", "100", "-l", "60" if LONG else "10", "-p", "3", "-g",
                                "-o", f"{folder}/slow", "-u", target.url + path],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=150, check=False)
                rows = Path(folder, "slow.csv").read_text().splitlines()[1:]
            unavailable = [row for row in rows if row.endswith(",0")]
            print(f"slowhttptest {mode}: service available {len(rows) - len(unavailable)} of {len(rows)} s;", watch)
            hard, slow = watch.faults()
            return hard + [f"not available: {unavailable}"] * bool(unavailable or not rows), slow

        counts.watched(f"slowhttptest {mode}: service available: YES", load)


def hey(target, counts):
    tool = shutil.which("hey") or skip("hey")
    for name, more in (("kept alive", ()), ("not kept alive", ("-disable-keepalive",))):
        def load():
            with target.watch() as watch:
                out = subprocess.run([tool, "-n", "10000", "-c", "200", *more, target.url + "/api/v1/events?limit=10"],
                                     stdout=subprocess.PIPE, text=True, timeout=120, check=True).stdout
            answered = dict(re.findall(r"\[(\d+)\]\s+(\d+) responses", out))
            p99 = float(re.search(r"99% in ([\d.]+) secs", out)[1])
            rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
            print(f"hey, {name}: {answered}, {rate:.0f} requests/s, p99 {p99 * 1000:.0f} ms;", watch)
            hard, slow = watch.faults()
            if answered != {"200": "10000"} or "Error distribution" in out:
                hard.append(f"failures: {answered}")
            return hard, slow + ["p99 over its bar"] * (p99 >= 0.3 * TIME_FACTOR)

        counts.watched(f"10,000 requests of 200 clients, {name}", load)


def main():
    counts = Counts("starvation and storms")
    with Target(PROGRAM) as target:
        # Enough that a stream of it fills every buffer on the way.
        target.import_file(rendered_xml(EVENTS), target.token("import"))
        counts.watched("864 clients that want nothing done", lambda: starve(target, counts))
        counts.watched("400 clients that want much", lambda: want_much(target))
        beyond_the_cap(target, counts)
        slowhttptest(target, counts)
        hey(target, counts)
    counts.end()


if __name__ == "__main__":
    main()
