"""Damaged, garbled and truncated files; a clock that is wrong."""

import glob
import os
import random
import shutil
import signal
import sqlite3

from harness import (POWER_CUT, Counts, Folder, check_exact, command, eventually, kill, look, readiness,
                     rendered_events, start)

EVENTS = 3_000
PLACES, BYTES = 40, 64
DAY_S = 86_400


def run(long_form):
    seed = random.randrange(1 << 30)
    print(f"damage: seed {seed}")
    chance = random.Random(seed)
    yield places(chance, 20 if long_form else 3)
    yield no_store(chance)
    yield while_running(chance, 10 if long_form else 2)
    yield refused()
    yield damaged_trail()
    yield wrong_clock()


def filled(folder):
    """A store of all events of the log that its source still holds."""
    folder.write("drop/a.xml", rendered_events(1, EVENTS))
    counts = Counts("")
    server = start(folder, counts, "--source", f"dir:{folder('drop')}")
    eventually(lambda: server.rows() == EVENTS)
    server.stop()
    server.__exit__()


def spoil(path, chance, count=PLACES, first=0):
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        for _ in range(count):
            file.seek(chance.randrange(first, size - BYTES))
            file.write(chance.randbytes(BYTES))


def ask_everything(counts, server):
    """Any answer but a crash."""
    for path in ("/api/v1/events?limit=1000", "/api/v1/events?limit=1000&order=asc", "/api/v1/status",
                 "/api/v1/stats/top?by=application", "/api/v1/stats/timeline?bucket=1h", "/api/v1/coverage",
                 "/api/v1/events?remote_port=443&count=exact", "/health/ready", "/metrics"):
        try:
            status = server.request(path)[0]
        except OSError as error:
            status = str(error)
        counts.expect(server.process.poll() is None, f"{path} ended the server: {server.process.poll()}")
        counts.expect(status in (200, 500, 503), f"{path}: {status}")


def set_aside(folder):
    return [p for p in glob.glob(folder.db + ".corrupt-*") if not p.endswith(("-wal", "-shm"))]


def check_anew(counts, folder, server, rows, what):
    """Everything the logs still hold is here, the loss is told, the old file is kept."""
    there = eventually(lambda: server.request("/api/v1/status")[0] == 200 and server.rows() == rows, 20)
    counts.expect(there, f"{what}: {server.request('/api/v1/status')[2][:300]}")
    counts.expect(len(set_aside(folder)) >= 1, f"{what}: the damaged file is gone")
    told = server.get("/api/v1/status")["store"]["set_aside"]
    counts.expect(told and os.path.basename(sorted(set_aside(folder))[-1]) in told["detail"],
                  f"{what}: the status does not tell: {told}")
    kinds = [f["kind"] for f in server.get("/api/v1/coverage")["facts"]]
    counts.expect("store-set-aside" in kinds, f"{what}: coverage does not tell")
    counts.expect(eventually(lambda: server.request("/health/ready")[0] == 200, 5), f"{what}: not ready")


def end(counts, folder, server, rows, what):
    counts.expect(server.stop()[0] == 0, f"{what}: the server ended with an error")
    server.__exit__()
    check_exact(counts, folder.db, rows, what)


def places(chance, rounds):
    counts = Counts(f"{PLACES} damaged places")
    with Folder() as whole:
        filled(whole)
        for _ in range(rounds):
            with Folder() as folder:
                shutil.copytree(whole.path, folder.path, dirs_exist_ok=True)
                spoil(folder.db, chance)
                counts.add("files")
                server = start(folder, counts, "--source", f"dir:{folder('drop')}")
                ask_everything(counts, server)
                # Late events: the writer compares them with what is there.
                folder.write("drop/b.xml", rendered_events(EVENTS - 500, EVENTS + 500))
                if eventually(lambda: set_aside(folder), 8):
                    counts.add("set aside")
                    check_anew(counts, folder, server, EVENTS + 500, "damaged places")
                    end(counts, folder, server, EVENTS + 500, "damaged places")
                else:
                    ask_everything(counts, server)
                    counts.expect(server.stop()[0] == 0, "a damaged store: the server ended with an error")
                    server.__exit__()
    counts.expect(counts.ready_ms < 5500, "a start took long")
    return counts


def no_store(chance):
    counts = Counts("garbage and truncated files")
    with Folder() as whole:
        filled(whole)
        size = os.path.getsize(whole.db)

        def garbage(path):
            with open(path, "wb") as file:
                file.write(chance.randbytes(size))

        def truncate_to(length):
            return lambda path: os.truncate(path, length)

        for spoiled in (garbage, truncate_to(0), truncate_to(100), truncate_to(4096), truncate_to(size // 2),
                        truncate_to(size // 2 + 1000)):
            with Folder() as folder:
                shutil.copytree(whole.path, folder.path, dirs_exist_ok=True)
                spoiled(folder.db)
                counts.add("files")
                refused_import = command("import", "--db", folder.db, folder("drop/a.xml"))
                counts.expect(refused_import.returncode in (0, 1), f"import: {refused_import.returncode}")
                server = start(folder, counts, "--source", f"dir:{folder('drop')}")
                folder.write("drop/b.xml", rendered_events(EVENTS - 500, EVENTS + 500))
                check_anew(counts, folder, server, EVENTS + 500, "no store")
                end(counts, folder, server, EVENTS + 500, "no store")
                counts.add("set aside")
    return counts


def while_running(chance, rounds):
    counts = Counts("damaged while running")
    for _ in range(rounds):
        with Folder() as folder:
            filled(folder)
            server = start(folder, counts, "--source", f"dir:{folder('drop')}")
            with open(folder.db, "r+b") as file:
                file.seek(4096)
                file.write(chance.randbytes(os.path.getsize(folder.db) - 4096))
            counts.add("files")
            folder.write("drop/b.xml", rendered_events(EVENTS - 500, EVENTS + 500))
            check_anew(counts, folder, server, EVENTS + 500, "damaged while running")
            seqs = [e["seq"] for e in server.get("/api/v1/events?limit=10")["events"]]
            counts.expect(min(seqs) > EVENTS, f"seqs are used again: {seqs}")
            end(counts, folder, server, EVENTS + 500, "damaged while running")
    return counts


def refused():
    counts = Counts("--on-corrupt=refuse, and files that are no store")
    with Folder() as folder:
        filled(folder)
        with open(folder.db, "wb") as file:
            file.write(b"no database, but of some length: " * 500)
        done = command("serve", "--listen", "127.0.0.1:0", "--db", folder.db, "--source", "none",
                       "--on-corrupt", "refuse")
        counts.add("starts refused")
        counts.expect(done.returncode == 1 and "--on-corrupt=new" in done.stderr, f"refuse: {done.stderr}")
        counts.expect(not set_aside(folder), "refuse: the file was set aside")
        # A name that was a mistake: never a store, not ours to rename.
        for name, content in (("letter.txt", b"Dear reader" * 100), ("other.sqlite", None)):
            if content is None:
                with sqlite3.connect(folder(name)) as other:
                    other.execute("CREATE TABLE t(x)")
            else:
                with open(folder(name), "wb") as file:
                    file.write(content)
            done = command("serve", "--listen", "127.0.0.1:0", "--db", folder(name), "--source", "none")
            counts.add("starts refused")
            counts.expect(done.returncode == 1 and not glob.glob(folder(name) + ".corrupt*"),
                          f"{name}: {done.returncode} {done.stderr}")
    return counts


def damaged_trail():
    counts = Counts("damaged, emptied and deleted trail of the audit policy")
    for spoiled in (b"damaged " * 1000, b"", None):
        with Folder() as folder:
            trail = folder.db + ".audit"
            words = ["audit", "set", "filtering-platform-packet-drop", "--failure"]
            counts.expect(command(*words, "on", "--db", folder.db).returncode == 0, "the first change")
            os.unlink(trail)
            if spoiled is not None:
                with open(trail, "wb") as file:
                    file.write(spoiled)
            done = command(*words, "off", "--db", folder.db)
            counts.add("files")
            counts.expect(done.returncode == 1, f"a change without a trail: {done.returncode} {done.stderr}")
            server = start(folder, counts, "--source", "none")
            told = eventually(lambda: readiness(server)[1].get("audit-trail"), 5)
            counts.expect(told, "readiness does not tell of the trail")
            counts.expect(server.request("/api/v1/events")[0] == 200, "events cannot be read")
            kill(server)
            if os.path.exists(trail):
                with open(trail, "rb") as file:
                    counts.expect(file.read() == spoiled, "the damaged trail was changed")
            else:
                counts.expect(spoiled is None, "the damaged trail was deleted")
    counts.ready_ms = 0  # it never is
    return counts


def wrong_clock():
    """An hour back, a year ahead, also over a restart: nothing new is deleted, nothing lost."""
    counts = Counts("wrong clock")
    with Folder() as folder:
        rows = 0
        for offset in (0, -3600, 365 * DAY_S, 365 * DAY_S, 0):
            env = {"LD_PRELOAD": POWER_CUT, "CLOCK_OFFSET_S": str(offset)} if offset else None
            os.makedirs(folder("drop"), exist_ok=True)
            server = start(folder, counts, "--source", f"dir:{folder('drop')}", "--retention-days", "30", env=env)
            folder.write(f"drop/{rows}.xml", rendered_events(rows + 1, rows + 200))
            rows += 200
            counts.add("clocks")
            counts.expect(eventually(lambda: server.rows() == rows, 10),
                          f"{offset} s: {server.rows()} of {rows} rows")
            counts.expect(server.stop(signal.SIGTERM)[0] == 0, "the server ended with an error")
            server.__exit__()
        check_exact(counts, folder.db, rows, "after wrong clocks")
    return counts
