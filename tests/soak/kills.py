"""kill -9 at random moments of an import, of collecting, of retention and of changes of the audit policy."""

import glob
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

from harness import (PROGRAM, Counts, Folder, GrowingLog, check_exact, clear, command, eventually, kill, look,
                     rendered_events, start)

EVENTS = 20_000
SLICE = 100
DROPS = "filtering-platform-packet-drop"


def run(long_form):
    kills = 50 if long_form else 6
    seed = random.randrange(1 << 30)
    print(f"kills: seed {seed}")
    chance = random.Random(seed)
    for part in (imports, collecting, following, piped, retention, setting_aside, policy):
        counts = Counts(part.__name__)
        with Folder() as folder:
            part(folder, counts, kills, chance)
        yield counts


def sound_after_kill(counts, folder):
    now = look(folder.db)
    counts.add("kills")
    counts.add("rows doubled", now.doubled)
    counts.expect(now.is_sound and now.doubled == 0, f"after a kill: {now.integrity}, doubled {now.doubled}")
    return now


def killed_command(words, seconds):
    """Whether it lived long enough to be killed."""
    process = subprocess.Popen([PROGRAM, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def imports(folder, counts, kills, chance):
    log = folder.write("log.xml", rendered_events(1, EVENTS))
    rows = 0
    done = 0
    while done < kills:
        if not killed_command(["import", "--db", folder.db, log], chance.uniform(0.01, 0.2)):
            # It came to its end: the next ones begin with an empty store.
            check_exact(counts, folder.db, EVENTS, "an import that ended")
            clear(folder)
            rows = 0
            continue
        done += 1
        if os.path.exists(folder.db):
            now = sound_after_kill(counts, folder)
            counts.expect(len(now.rows) >= rows, "rows that were stored are gone")
            rows = len(now.rows)
    command("import", "--db", folder.db, log)
    check_exact(counts, folder.db, EVENTS, "the last import")


def feed(folder, first, last):
    """Files that appear in the folder, one source each."""
    for begin in range(first, last, SLICE):
        folder.write(f"drop/{begin:07}.xml", rendered_events(begin, begin + SLICE - 1))


def collecting(folder, counts, kills, chance):
    os.mkdir(folder("drop"))
    events = 0
    for _ in range(kills):
        server = start(folder, counts, "--source", f"dir:{folder('drop')}")
        feed(folder, events + 1, events + 10 * SLICE)
        events += 10 * SLICE
        target = chance.randrange(events - 10 * SLICE, events)
        eventually(lambda: server.rows() > target)
        kill(server)
        now = sound_after_kill(counts, folder)
        counts.expect(len(now.rows) > target, "rows that were answered are gone")
    server = start(folder, counts, "--source", f"dir:{folder('drop')}")
    eventually(lambda: server.rows() == events)
    counts.expect(server.stop()[0] == 0, "the last server ended with an error")
    check_exact(counts, folder.db, events, "at the end")
    counts.expect(counts.ready_ms < 2000, f"ready after {counts.ready_ms} ms")


def following(folder, counts, kills, chance):
    """A log that grows while it is read: each time it is read anew, and its rows are known again."""
    log = GrowingLog(folder, EVENTS)
    for _ in range(kills):
        server = start(folder, counts, "--source", f"evtx:{log.path}")
        before = server.rows()
        log.grow(log.chunks // (kills + 1))
        target = before + chance.randrange(1, EVENTS // (kills + 2))
        eventually(lambda: server.rows() >= target, 10)
        answered = server.rows()
        kill(server)
        counts.expect(len(sound_after_kill(counts, folder).rows) >= answered, "rows that were answered are gone")
    log.grow(log.chunks)
    server = start(folder, counts, "--source", f"evtx:{log.path}")
    eventually(lambda: server.rows() == EVENTS)
    counts.expect(server.stop()[0] == 0, "the last server ended with an error")
    check_exact(counts, folder.db, EVENTS, "at the end")


def send(server, first, last):
    """Writes into the pipe, as long as somebody reads."""
    def write():
        try:
            for begin in range(first, last + 1, SLICE):
                text = rendered_events(begin, min(begin + SLICE - 1, last)).encode()
                while text:
                    text = text[os.write(server.process.stdin.fileno(), text):]
        except OSError:
            pass
    thread = threading.Thread(target=write)
    thread.start()
    return thread


def piped(folder, counts, kills, chance):
    """Standard input cannot be read again: what was answered is there, of the rest a fact tells, and who sends it
    again doubles nothing."""
    answered = 0
    for _ in range(kills):
        server = start(folder, counts, "--source", "stdin:xml", stdin=subprocess.PIPE)
        sent = answered + EVENTS // (kills + 1)
        sender = send(server, answered + 1, sent)
        target = chance.randrange(answered + 1, sent)
        eventually(lambda: server.rows() >= target, 10)
        answered = server.rows()
        server.process.kill()
        sender.join()
        kill(server)
        counts.expect(len(sound_after_kill(counts, folder).rows) >= answered, "rows that were answered are gone")
    server = start(folder, counts, "--source", "stdin:xml", stdin=subprocess.PIPE)
    send(server, answered + 1, EVENTS).join()
    eventually(lambda: server.rows() == EVENTS)
    facts = [f for f in server.get("/api/v1/coverage")["facts"] if f["kind"] == "service-down"]
    counts.expect(sum(f["count"] for f in facts) == kills, f"{kills} ends of the program are told as {facts}")
    counts.expect(server.stop()[0] == 0, "the last server ended with an error")
    check_exact(counts, folder.db, EVENTS, "at the end")


def setting_aside(folder, counts, kills, chance):
    """A damaged store gives way to a new one: killed at its Nth write, sync or rename."""
    if shutil.which("strace") is None:
        print("kills: strace is missing: setting aside is skipped")
        return
    rows = 500
    log = GrowingLog(folder, rows)
    log.grow(log.chunks)
    calls = "rename,pwrite64,fsync,fdatasync"
    words = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--db", folder.db, "--source", f"evtx:{log.path}"]
    for when in sorted(chance.sample(range(1, 51), kills)):
        clear(folder)
        command("import", "--db", folder.db, log.path)
        with open(folder.db, "r+b") as file:
            file.write(b"damaged " * 512)
        traced = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                                   f"inject={calls}:signal=KILL:when={when}", *words], start_new_session=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            traced.wait(1)
        except subprocess.TimeoutExpired:  # it came through all of that
            os.killpg(traced.pid, signal.SIGKILL)
            traced.wait()
        counts.add("kills")
        server = start(folder, counts, "--source", f"evtx:{log.path}")
        what = f"killed at {when}"
        counts.expect(eventually(lambda: server.rows() == rows, 10), f"{what}: {server.rows()} rows")
        told = [f["detail"] for f in server.get("/api/v1/coverage")["facts"] if f["kind"] == "store-set-aside"]
        kept = [p for p in glob.glob(folder.db + ".corrupt-*") if not p.endswith(("-wal", "-shm"))]
        counts.expect(len(told) == 1 and len(kept) == 1 and os.path.basename(kept[0]) in told[0],
                      f"{what}: told {told}, kept {kept}")
        counts.expect(server.get("/api/v1/status")["store"]["oldest_seq"] > 1_000_000, f"{what}: seqs are used again")
        counts.expect(server.stop()[0] == 0, "the server ended with an error")
        server.__exit__()
        check_exact(counts, folder.db, rows, what)


def retention(folder, counts, kills, chance):
    os.mkdir(folder("drop"))
    options = ["--source", f"dir:{folder('drop')}", "--max-db-size", "400000"]
    events = deleted = 0
    for _ in range(kills):
        server = start(folder, counts, *options)
        folder.write(f"drop/{events:07}.xml", rendered_events(events + 1, events + 4000))
        events += 4000
        target = deleted + chance.randrange(1, 3000)
        eventually(lambda: server.get("/api/v1/status")["store"]["oldest_seq"] > target, 10)
        kill(server)
        now = sound_after_kill(counts, folder)
        counts.expect(now.deleted_through >= deleted, "deleted rows are back")
        deleted = now.deleted_through
    server = start(folder, counts, *options)
    stored = lambda: sum(s["stored"] for s in server.get("/api/v1/sources")["sources"])  # noqa: E731
    eventually(lambda: stored() >= events)
    # Rows that retention had deleted are not known again: those of a file that was half read.
    counts.expect(stored() >= events, f"{stored()} of {events} were stored")
    counts.expect(server.stop()[0] == 0, "the last server ended with an error")
    now = look(folder.db)
    counts.expect(now.is_sound and now.doubled == 0 and now.deleted_through > 0, "at the end")
    counts.add("rows deleted", now.deleted_through)


def policy(folder, counts, kills, chance):
    policy_file = folder("audit-policy.csv")
    words = ["audit", "set", DROPS, "--failure"]
    where = ["--db", folder.db, "--json"]
    command(*words, "off", *where)
    begun = time.monotonic()
    command(*words, "on", *where)
    whole = time.monotonic() - begun  # of a change that nobody ends
    on = True
    for _ in range(kills):
        on = not on
        killed_command([*words, "on" if on else "off", *where], chance.uniform(0.2, 1.0) * whole)
        counts.add("kills")
        # The next look finishes what was begun: the trail says what is in force.
        server = start(folder, counts, "--source", "none")
        settled = eventually(lambda: states(folder).count(0) == 0, 5)
        kill(server)
        counts.expect(settled, "a change is still started")
        done = json.loads(command("audit", "get", DROPS, *where).stdout)
        in_force = done["subcategories"][0]["failure"]
        counts.expect(trail_says(folder) in (None, in_force), "the trail does not say what is in force")
        on = in_force
    counts.expect(os.path.getsize(policy_file) > 0, "the policy file is empty")
    counts.add("changes", len(states(folder)))


def states(folder):
    with sqlite3.connect(folder.db + ".audit") as trail:
        return [s for s, in trail.execute("SELECT state FROM change ORDER BY id")]


def trail_says(folder):
    """Whether failures are audited after the newest change that was carried out."""
    with sqlite3.connect(folder.db + ".audit") as trail:
        row = trail.execute("SELECT s.after FROM setting s JOIN change c ON c.id = s.change "
                            "WHERE c.state = 1 ORDER BY c.id DESC LIMIT 1").fetchone()
    return None if row is None else bool(row[0] & 2)
