"""What the parts share: stores that are looked at from outside, servers, counts that are printed at the end."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from blockwatch_server import Server, eventually, rendered_events  # noqa: E402

PROGRAM = os.environ["BLOCKWATCH_PROGRAM"]
POWER_CUT = os.environ["BLOCKWATCH_POWER_CUT"]
MAKE_LOG = os.environ["BLOCKWATCH_MAKE_LOG"]


class Counts:
    """Figures of a part; `expect` notes what missed its bar."""

    def __init__(self, name):
        self.name, self.figures, self.missed = name, {}, []
        self.ready_ms = 0

    def add(self, figure, n=1):
        self.figures[figure] = self.figures.get(figure, 0) + n

    def expect(self, holds, what):
        if not holds:
            self.missed.append(what)
            print(f"  MISSED {self.name}: {what}", flush=True)
        return holds

    def report(self):
        text = ", ".join(f"{name} {value}" for name, value in self.figures.items())
        if self.ready_ms:
            text += f", slowest start to ready {self.ready_ms} ms"
        print(f"{self.name}: {text or 'nothing tried'}; missed {len(self.missed)}", flush=True)
        return not self.missed


class Folder:
    """A folder for one store, removed at the end."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="blockwatch-soak-")
        os.chmod(self.path, 0o755)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.path, ignore_errors=True)

    def __call__(self, *names):
        return os.path.join(self.path, *names)

    @property
    def db(self):
        return self("test.db")

    def write(self, name, text):
        """Appears at once and whole."""
        os.makedirs(os.path.dirname(self(name)), exist_ok=True)
        with open(self(name + ".part"), "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(self(name + ".part"), self(name))
        return self(name)


class GrowingLog:
    """An EVTX log in the folder with the record ids 1 to `last`, of which the first chunk is there."""

    HEADER, CHUNK = 4096, 65536

    def __init__(self, folder, last):
        self.path = folder("log.evtx")
        subprocess.run([MAKE_LOG, self.path, str(last)], check=True)
        with open(self.path, "rb") as file:
            self.whole = file.read()
        self.chunks = (len(self.whole) - self.HEADER) // self.CHUNK
        os.truncate(self.path, self.HEADER + self.CHUNK)

    def grow(self, chunks):
        with open(self.path, "ab") as file:
            file.write(self.whole[file.tell():file.tell() + chunks * self.CHUNK])


def command(*words, env=None, timeout=60):
    try:
        return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=timeout, check=False,
                              env={**os.environ, **(env or {})})
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(words, -1, "", f"still running after {late.timeout} s")


def start(folder, counts, *options, env=None, **how):
    """A server; counts how long it took until it was ready."""
    begun = time.monotonic()
    old = dict(os.environ)
    os.environ.update(env or {})
    try:
        server = Server(PROGRAM, folder.path, *options, **how)
    finally:
        os.environ.clear()
        os.environ.update(old)
    server.is_ready = eventually(lambda: server.request("/health/ready")[0] == 200, 5)
    counts.ready_ms = max(counts.ready_ms, round(1000 * (time.monotonic() - begun)))
    return server


def clear(folder):
    """No store any more."""
    for name in os.listdir(folder.path):
        if name.startswith("test.db"):
            os.unlink(folder(name))


def kill(server):
    server.process.kill()
    server.process.wait()
    server.__exit__()


def look(db, after_power_cut=False):
    """Rows by record id, twice stored ones, and what integrity_check says, of a copy."""
    with tempfile.TemporaryDirectory(prefix="blockwatch-look-") as folder:
        copy = os.path.join(folder, "copy.db")
        for suffix in ("", "-wal", "-journal"):
            if os.path.exists(db + suffix):
                shutil.copyfile(db + suffix, copy + suffix)
        if after_power_cut and os.path.exists(db + "-shm"):
            os.unlink(db + "-shm")
        connection = sqlite3.connect(copy)
        try:
            integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
            tables = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'state'").fetchone()[0]
            if not tables:
                return Look([], integrity, (0, 0, 0), 0)
            rows = [r for r, in connection.execute("SELECT record_id FROM event ORDER BY seq")]
            state = connection.execute("SELECT newest_seq, deleted_through, rows FROM state").fetchone()
            hours = connection.execute("SELECT ifnull(sum(n), 0) FROM hour_shape").fetchone()[0]
            return Look(rows, integrity, state, hours)
        except sqlite3.DatabaseError as error:
            return Look([], str(error), (0, 0, 0), 0)
        finally:
            connection.close()


class Look:
    def __init__(self, rows, integrity, state, hours):
        self.rows, self.integrity = rows, integrity
        self.newest, self.deleted_through, self.counted = state
        self.hours = hours

    @property
    def doubled(self):
        return len(self.rows) - len(set(self.rows))

    @property
    def is_sound(self):
        """The file's own counts agree with its rows."""
        return (self.integrity == "ok" and self.counted == len(self.rows) == self.hours
                and self.newest - self.deleted_through == len(self.rows))

    def lost(self, count):
        return len(set(range(1, count + 1)) - set(self.rows))


def check_exact(counts, db, count, what):
    now = look(db)
    counts.add("rows lost", now.lost(count))
    counts.add("rows doubled", now.doubled)
    counts.expect(now.is_sound and now.lost(count) == 0 and now.doubled == 0,
                  f"{what}: {len(now.rows)} rows of {count}, lost {now.lost(count)}, doubled "
                  f"{now.doubled}, {now.integrity}")


def readiness(server):
    """The details of what failed."""
    import json
    status, _, body = server.request("/health/ready")
    checks = json.loads(body)["checks"]
    return status, {c["name"]: c["detail"] for c in checks if c["status"] != "ok"}
