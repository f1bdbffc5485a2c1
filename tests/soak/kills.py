"""kill -9 at random moments of an import, of collecting, of retention and of changes of the audit policy."""

import json
import os
import random
import sqlite3
import subprocess

from harness import PROGRAM, Counts, Folder, check_exact, command, eventually, kill, look, rendered_events, start

EVENTS = 20_000
SLICE = 100
DROPS = "filtering-platform-packet-drop"


def run(long_form):
    kills = 50 if long_form else 6
    seed = random.randrange(1 << 30)
    print(f"kills: seed {seed}")
    chance = random.Random(seed)
    for part in (imports, collecting, retention, policy):
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
            for name in os.listdir(folder.path):
                if name.startswith("test.db"):
                    os.unlink(folder(name))
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
    command(*words, "on", *where)
    on = True
    for _ in range(kills):
        on = not on
        killed_command([*words, "on" if on else "off", *where], chance.uniform(0.001, 0.03))
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
