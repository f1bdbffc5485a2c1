"""A real blockwatchd for one test: start, ask, stop. Standard library only."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

STOP_SIGNAL = signal.SIGTERM
# Under Wine a client outside of it belongs to no process that the server knows, so it needs a token to read.
SHOWS_TOKEN = False


def rendered_event(record_id, event_id=5157, remote_port=443):
    """Rendered XML of a blocked outbound connection, as Windows 10 writes it."""
    second, fraction = divmod(record_id, 10_000_000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_767_323_045 + second))
    fields = {
        "ProcessID": 1234,
        "Application": "\\device\\harddiskvolume2\\tools\\curl.exe",
        "Direction": "%%14593",
        "SourceAddress": "10.0.0.5",
        "SourcePort": 50000,
        "DestAddress": "192.0.2.7",
        "DestPort": remote_port,
        "Protocol": 6,
        "FilterRTID": 70001,
        "LayerName": "%%14611",
        "LayerRTID": 48,
        "RemoteUserID": "S-1-0-0",
        "RemoteMachineID": "S-1-0-0",
    }
    data = "".join(f"<Data Name='{k}'>{v}</Data>" for k, v in fields.items())
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        "<Provider Name='Microsoft-Windows-Security-Auditing'/>"
        f"<EventID>{event_id}</EventID><Version>1</Version>"
        f"<TimeCreated SystemTime='{stamp}.{fraction:07d}Z'/>"
        f"<EventRecordID>{record_id}</EventRecordID><Channel>Security</Channel>"
        f"<Computer>PC01.example.test</Computer></System><EventData>{data}</EventData></Event>\n"
    )


def rendered_events(first, last):
    return "".join(rendered_event(n) for n in range(first, last + 1))


def eventually(condition, seconds=30):
    """Asks until the condition holds; its last value otherwise."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.01)


def make_reader(db, *program):
    """The headers of one who may read, by a new token."""
    done = subprocess.run([*program, "token", "create", "--db", db, "--name", "reader", "--scope", "read"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          timeout=120, check=True)
    return {"Authorization": "Bearer " + done.stdout.strip()}


class Server:
    """blockwatchd serve on a free port with a database in `folder`."""

    readers = {}  # by database

    def __init__(self, program, folder, *options, stdin=None, db=None):
        self.db = db or os.path.join(folder, "test.db")
        if SHOWS_TOKEN and self.db not in self.readers:
            self.readers[self.db] = make_reader(self.db, program)
        self.reader = self.readers.get(self.db, {})
        with open(os.path.join(folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--listen", "127.0.0.1:0", "--db", self.db, *options],
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        first_line = self.process.stdout.readline().strip()
        prefix = "listening on http://127.0.0.1:"
        if not first_line.startswith(prefix):
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"unexpected first line {first_line!r}")
        self.port = int(first_line[len(prefix):])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        if self.process.stdin:
            self.process.stdin.close()

    def stop(self, how=None):
        """Ends it; the exit code and the seconds it took."""
        start = time.monotonic()
        self.process.send_signal(how or STOP_SIGNAL)
        return self.process.wait(timeout=20), time.monotonic() - start

    def request(self, path, method="GET", body=None, headers=None):
        """(status, headers, body bytes), also for error statuses."""
        reader = self.reader if method == "GET" else {}
        request = urllib.request.Request(
            self.url + path, data=body, method=method, headers={**reader, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def get(self, path):
        status, _, body = self.request(path)
        if status != 200:
            raise AssertionError(f"{path}: {status} {body[:500]!r}")
        return json.loads(body)

    def curl(self, path, *options):
        """What curl prints."""
        shown = [f"-H{name}: {value}" for name, value in self.reader.items()]
        return subprocess.run(["curl", "-sS", "--fail", *shown, *options, self.url + path],
                              stdout=subprocess.PIPE, text=True, timeout=60, check=False).stdout

    def rows(self):
        return self.get("/api/v1/status")["store"]["rows"]

    def stream(self, path, headers=""):
        """A raw socket on which the request for a stream was sent."""
        if "Authorization" not in headers:
            headers += "".join(f"{name}: {value}\r\n" for name, value in self.reader.items())
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{headers}\r\n".encode())
        return connection


def sse_frames(connection):
    """Yields (event, id, data) of a chunked text/event-stream until the connection ends."""
    reader = connection.makefile("rb")
    status = reader.readline()
    if b" 200 " not in status:
        raise AssertionError(status)
    while reader.readline() not in (b"\r\n", b""):
        pass
    text = b""
    while True:
        size = reader.readline()
        if not size or int(size, 16) == 0:
            return
        text += reader.read(int(size, 16))
        reader.readline()
        *frames, text = text.split(b"\n\n")
        for frame in frames:
            fields = {}
            for line in frame.decode().split("\n"):
                name, _, value = line.partition(": ")
                fields[name] = value
            if "event" in fields:
                yield fields["event"], fields.get("id"), fields.get("data")
