"""A running blockwatchd in a folder of its own, and plain HTTP to it."""

import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

START_S = 30
STOP_S = 10
ANSWER_S = 30


class Reply:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def media_type(self):
        return (self.headers.get_content_type() if "Content-Type" in self.headers else None)

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)


class Daemon:
    """Starts on a free port; use it in a `with`. Fails when it does not end cleanly."""

    def __init__(self, program, *options):
        self.program = str(program)
        self.options = options
        self.tokens = {}

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="blockwatch-contract-"))
        self.token_file = self.folder / "tokens.json"
        self.log = open(self.folder / "log", "w+b")
        command = [self.program, "serve", "--listen", "127.0.0.1:0", "--source", "none"]
        command += ["--db", str(self.folder / "db.sqlite"), "--token-file", str(self.token_file)]
        self.process = subprocess.Popen(
            [*command, *self.options], stdout=subprocess.PIPE, stderr=self.log, cwd=self.folder)
        try:
            self.host, self.port = self._address()
        except BaseException:
            self.process.kill()
            self._clean()
            raise
        return self

    def _address(self):
        line, deadline = b"", time.monotonic() + START_S
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError("blockwatchd did not say where it listens")
            byte = os.read(self.process.stdout.fileno(), 1)
            if not byte:
                raise AssertionError(f"blockwatchd ended at its start: {self._logged()}")
            line += byte
        words = line.decode().split()
        assert words[:2] == ["listening", "on"], line
        host, port = words[2].removeprefix("http://").rsplit(":", 1)
        return host, int(port)

    def _logged(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def _clean(self):
        self.process.stdout.close()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = "killed: it did not end in time"
        log = self._logged()
        self._clean()
        if kind is None and code != 0:
            raise AssertionError(f"blockwatchd ended with {code}: {log}")

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def token(self, *scopes):
        """A token with these scopes; the same one for the same scopes."""
        if scopes in self.tokens:
            return self.tokens[scopes]
        command = [self.program, "token", "create", "--token-file", str(self.token_file)]
        for scope in scopes:
            command += ["--scope", scope]
        done = subprocess.run(
            [*command, "--name", "contract-" + "-".join(scopes)],
            stdout=subprocess.PIPE, stderr=self.log, check=True, timeout=START_S, text=True)
        self.tokens[scopes] = done.stdout.split()[-1]
        return self.tokens[scopes]

    def ask(self, method, target, headers=None, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_S)
        try:
            connection.request(method, target, body=body, headers=headers or {})
            response = connection.getresponse()
            return Reply(response, response.read())
        finally:
            connection.close()

    def get(self, target, **headers):
        return self.ask("GET", target, {k.replace("_", "-"): v for k, v in headers.items()})

    def send(self, request, method="GET"):
        """A request as bytes, for those that no HTTP library would send."""
        with socket.create_connection((self.host, self.port), ANSWER_S) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            return Reply(response, response.read())

    def frames(self, target, enough, headers=None):
        """Frames of an event stream, each a list of (field, value), until enough(frames). Comments
        are left out."""
        deadline = time.monotonic() + ANSWER_S
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_S)
        try:
            connection.request("GET", target, headers=headers or {})
            response = connection.getresponse()
            reply, frames, frame = Reply(response, b""), [], []
            if response.status != 200:
                reply.body = response.read()
            while response.status == 200 and not enough(frames):
                assert time.monotonic() < deadline, f"{len(frames)} frames came in time: {frames[-3:]}"
                line = response.readline().decode("utf-8")
                assert line.endswith("\n"), f"the stream ended: {frames}"
                line = line.rstrip("\r\n")
                if line.startswith(":"):
                    continue
                if line:
                    field, _, value = line.partition(":")
                    frame.append((field, value.removeprefix(" ")))
                elif frame:
                    frames.append(frame)
                    frame = []
            return reply, frames
        finally:
            connection.close()

    def import_file(self, content, token, name="contract.xml"):
        """Imports and waits for the end; the job."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}
        reply = self.ask("POST", f"/api/v1/imports?name={name}", headers, content)
        assert reply.status == 202, reply.body
        deadline = time.monotonic() + ANSWER_S
        while time.monotonic() < deadline:
            job = self.ask("GET", reply.headers["Location"], {"Authorization": f"Bearer {self.token('read')}"}).json
            if job["state"] in ("done", "failed"):
                return job
            time.sleep(0.01)
        raise AssertionError(f"the import did not end: {job}")
