"""What the attacks share: a blockwatchd as a Windows thread would find it, watched while it is attacked."""

import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "contract"))

from daemon import Daemon  # noqa: E402 (found by the path above)

STACK_KB = 1024  # a thread's on Windows
MEMORY_KB = 50_000
LONG = os.environ.get("BLOCKWATCH_HOSTILE", "short") == "long"
# Exact in the long form, on a quiet machine; the short one, which runs anywhere, only finds what is far off.
TIME_FACTOR = 1 if LONG else 5
HEALTH_P99_MS = 100 * TIME_FACTOR
PROGRAM = os.environ.get("BLOCKWATCHD", "")


class Target(Daemon):
    """Its threads have small stacks, and `watch()` measures it during a load."""

    def __enter__(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (STACK_KB << 10, hard))
        try:
            return super().__enter__()
        finally:
            resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))

    def watch(self):
        return Watch(self.port, self.process.pid)

    def connect(self, timeout=10):
        return socket.create_connection((self.host, self.port), timeout)

    def head(self, first_line, *headers, host=None):
        """A request's head with its Host."""
        lines = [first_line, f"Host: {host or f'{self.host}:{self.port}'}", *headers]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def authorized(self, *scopes):
        return "Authorization: Bearer " + self.token(*scopes)

    def alive(self):
        return self.process.poll() is None


class Watch:
    """A process that asks /health/live on a new connection again and again and looks at the memory; `figures` after the `with`."""

    def __init__(self, port, pid):
        self.command = [sys.executable, "-B", str(Path(__file__).with_name("probe.py")), str(port), str(pid)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.figures = json.loads(self.process.communicate(timeout=30)[0])

    def __str__(self):
        return ("health asked {asked}, failed {failed}, p99 {p99_ms:.1f} ms, worst {worst_ms:.1f} ms; "
                "memory at most {memory_kb} kB".format(**self.figures))

    def faults(self):
        """The bars that were missed whatever the machine does, and those of time."""
        hard, slow = [], []
        if self.figures["failed"] or not self.figures["asked"]:
            hard.append("health was not answered")
        if self.figures["memory_kb"] > MEMORY_KB:
            hard.append(f"memory over {MEMORY_KB} kB")
        if self.figures["p99_ms"] > HEALTH_P99_MS:
            slow.append(f"health's p99 over {HEALTH_P99_MS} ms")
        return hard, slow


class Counts:
    """Says what was tried and what failed, and gives the exit code."""

    def __init__(self, name):
        self.name, self.tried, self.failed, self.start = name, 0, [], time.monotonic()

    def check(self, what, holds, found=""):
        self.tried += 1
        if not holds:
            self.failed.append(what)
            print(f"FAILED {what}: {found}", flush=True)
        return holds

    def watched(self, what, load):
        """load(watch) under watch; a bar of time that is missed may be the machine's fault, so it is tried once more."""
        for last in (False, True):
            hard, slow = load()
            if hard or not slow or last:
                break
        self.check(what, not hard and not slow, "; ".join(hard + slow))

    def end(self, more=""):
        print(f"counts: {self.name}: tried {self.tried}, failed {len(self.failed)}{more}, "
              f"{time.monotonic() - self.start:.0f} s", flush=True)
        sys.exit(1 if self.failed or not self.tried else 0)


def skip(what):
    """Ends the program as a test that cannot run here; where everything must be there (CI) as a failure."""
    print(f"skipped: {what} was not found")
    sys.exit(1 if "CI" in os.environ else 77)
