"""Faults of disk and neighbours: full, failing, read-only, locked. Needs root on Linux for mounts and strace."""

import os
import random
import shutil
import sqlite3
import subprocess
import time

from harness import (PROGRAM, Counts, Folder, check_exact, command, eventually, kill, look, readiness,
                     rendered_events, start)

EVENTS = 4_000
RESUMES_WITHIN_S = 30


def run(long_form):
    yield injected(long_form)
    yield locked()
    if os.geteuid() != 0:
        print("faults: full disk and read-only folder are skipped: they need root")
        return
    for part in (full_disk, read_only):
        counts = Counts(part.__name__.replace("_", " "))
        with Folder() as folder:
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder.path], check=False)
            if mounted.returncode != 0:
                print("faults: no tmpfs can be mounted here: skipped")
                return
            try:
                part(folder, counts)
            finally:
                subprocess.run(["umount", "-l", folder.path], check=True)
        yield counts


def injected(long_form):
    """A system call of an import fails once, or for ever: nothing is told as done that is not."""
    counts = Counts("injected errors")
    if shutil.which("strace") is None:
        print("faults: strace is missing: skipped")
        return counts
    chance = random.Random(7)
    with Folder() as folder, Folder() as logs:
        log = logs.write("log.xml", rendered_events(1, EVENTS))
        for call in ("pwrite64", "fdatasync", "ftruncate"):
            for error in ("EIO", "ENOSPC"):
                times = range(1, 51) if long_form else sorted(chance.sample(range(1, 51), 2))
                for when in [*map(str, times), *(["3+"] if long_form else [])]:
                    one_injected(folder, counts, log, call, error, when)
    return counts


def one_injected(folder, counts, log, call, error, when):
    for name in os.listdir(folder.path):
        os.unlink(folder(name))
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
         f"inject={call}:error={error}:when={when}", PROGRAM, "import", "--db", folder.db, log],
        capture_output=True, text=True, timeout=120, check=False)
    counts.add("faults")
    what = f"{error} at {call} {when}"
    counts.expect(done.returncode in (0, 1), f"{what}: ended with {done.returncode}")
    if done.returncode == 0:
        check_exact(counts, folder.db, EVENTS, f"{what}, told as done")
    else:
        counts.expect(done.stderr.strip(), f"{what}: no word of it")
    again = command("import", "--db", folder.db, log)
    counts.expect(again.returncode == 0, f"{what}: the next import: {again.stderr}")
    check_exact(counts, folder.db, EVENTS, f"after {what}")


def watched(folder, counts):
    os.makedirs(folder("drop"), exist_ok=True)
    return start(folder, counts, "--source", f"dir:{folder('drop')}")


def resumes(counts, server, rows, what):
    begun = time.monotonic()
    there = eventually(lambda: server.rows() == rows, RESUMES_WITHIN_S)
    seconds = time.monotonic() - begun
    counts.expect(there, f"{what}: {server.rows()} of {rows} rows after {seconds:.0f} s")
    counts.figures["slowest to go on, s"] = round(max(counts.figures.get("slowest to go on, s", 0), seconds), 1)
    counts.expect(eventually(lambda: server.request("/health/ready")[0] == 200, 5), f"{what}: not ready again")


def turns_red(counts, server, words, what, check="writer"):
    red = eventually(lambda: check in readiness(server)[1], 12)
    status, told = readiness(server)
    counts.add("faults")
    counts.expect(red and status == 503 and any(w in (told.get(check) or "") for w in words),
                  f"{what}: readiness says {status} {told}")
    counts.expect(server.request("/api/v1/events?limit=10")[0] == 200, f"{what}: events cannot be read")


def locked():
    counts = Counts("locked by another process")
    with Folder() as folder:
        server = watched(folder, counts)
        folder.write("drop/a.xml", rendered_events(1, 100))
        eventually(lambda: server.rows() == 100)
        other = sqlite3.connect(folder.db, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        folder.write("drop/b.xml", rendered_events(101, 200))
        turns_red(counts, server, ["locked"], "a locked store")
        other.execute("ROLLBACK")
        other.close()
        resumes(counts, server, 200, "a locked store")

        trail = sqlite3.connect(folder.db + ".audit", isolation_level=None)
        trail.execute("BEGIN EXCLUSIVE")
        set_words = ["audit", "set", "filtering-platform-packet-drop", "--failure", "on", "--db", folder.db]
        counts.add("faults")
        counts.expect(command(*set_words).returncode == 1, "a change without a trail was made")
        trail.execute("ROLLBACK")
        trail.close()
        counts.expect(command(*set_words).returncode == 0, "no change after the lock was gone")

        # A start while another one writes: it serves, and stores as soon as it can.
        counts.expect(server.stop()[0] == 0, "the server ended with an error")
        other = sqlite3.connect(folder.db, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        folder.write("drop/c.xml", rendered_events(201, 300))
        server = watched(folder, counts)
        turns_red(counts, server, ["locked"], "a store that is locked at the start")
        other.execute("ROLLBACK")
        other.close()
        resumes(counts, server, 300, "a store that is locked at the start")
        code, seconds = server.stop()
        counts.expect(code == 0 and seconds < 5, f"stopped with {code} after {seconds:.1f} s")
        server.__exit__()
        check_exact(counts, folder.db, 300, "after locks")
    return counts


def full_disk(folder, counts):
    with Folder() as logs:
        os.mkdir(logs("drop"))
        server = start(folder, counts, "--source", f"dir:{logs('drop')}")
        rows = 150_000
        for first in range(1, rows, 30_000):
            logs.write(f"drop/{first:06}.xml", rendered_events(first, first + 29_999))
        turns_red(counts, server, ["full"], "a full disk")
        subprocess.run(["mount", "-o", "remount,size=64m", folder.path], check=True)
        resumes(counts, server, rows, "a full disk")
        counts.expect(server.stop()[0] == 0, "the server ended with an error")
        server.__exit__()
        check_exact(counts, folder.db, rows, "after a full disk")


def read_only(folder, counts):
    with Folder() as logs:
        os.mkdir(logs("drop"))
        options = ["--source", f"dir:{logs('drop')}", "--token-file", logs("tokens.json")]
        logs.write("drop/a.xml", rendered_events(1, 100))
        server = start(folder, counts, *options)
        eventually(lambda: server.rows() == 100)
        kill(server)  # the log and its index stay

        # Both: a folder where nothing can be made, and a file that cannot be written.
        subprocess.run(["mount", "-o", "remount,ro", folder.path], check=True)
        logs.write("drop/b.xml", rendered_events(101, 200))
        server = start(logs, counts, *options, db=folder.db)
        turns_red(counts, server, ["read-only", "Read-only", "readonly"], "a read-only folder")
        counts.expect(server.rows() == 100, "rows of a read-only store cannot be read")
        subprocess.run(["mount", "-o", "remount,rw", folder.path], check=True)
        resumes(counts, server, 200, "a read-only folder")
        counts.expect(server.stop()[0] == 0, "the server ended with an error")
        server.__exit__()
        os.chmod(folder.db, 0o444)
        counts.expect(command("query", "--db", folder.db).stdout.count("\n") == 200, "a read-only file")
        check_exact(counts, folder.db, 200, "after a read-only folder")
