"""Power cuts: what was not synced is gone, or reached the disk in part."""

import json
import os
import random
import sqlite3
import subprocess

from harness import (POWER_CUT, PROGRAM, Counts, Folder, GrowingLog, check_exact, clear, command, eventually, look,
                     rendered_events, start)

EVENTS = 30_000
CUT = 99
DROPS = "filtering-platform-packet-drop"


def run(long_form):
    seed = random.randrange(1 << 30)
    print(f"cuts: seed {seed}")
    chance = random.Random(seed)
    cuts = 50 if long_form else 8
    for keep in (0, 50):
        yield imports(f"imports, {keep} % kept", cuts, keep, chance)
        yield collecting(f"collecting, {keep} % kept", cuts // 2, keep, chance)
        yield trail(f"audit trail, {keep} % kept", cuts, keep, chance)
    yield control(cuts, chance)


def shim(chance, at, keep, lies=False, moving=False):
    env = {"LD_PRELOAD": POWER_CUT, "POWER_CUT_AT": str(at), "POWER_CUT_KEEP": str(keep),
           "POWER_CUT_SEED": str(chance.randrange(1 << 30))}
    if lies:
        env["POWER_CUT_SYNC"] = "no"
    if moving:  # the log into the file
        env["POWER_CUT_FILE"] = ".db"
    return env


def one_import(folder, log, env):
    code = command("import", "--db", folder.db, log, env=env).returncode
    drop_index(folder)
    return code


def drop_index(folder):
    """What is left of the index of the log goes with the power."""
    if os.path.exists(folder.db + "-shm"):
        os.unlink(folder.db + "-shm")


def imports(name, cuts, keep, chance):
    counts = Counts(name)
    with Folder() as folder:
        log = folder.write("log.xml", rendered_events(1, EVENTS))
        made = 0
        while made < cuts:
            moving = chance.random() < 0.3
            at = chance.randrange(1, 300 if moving else 2000)
            if one_import(folder, log, shim(chance, at, keep, moving=moving)) == CUT:
                made += 1
                counts.add("cuts")
                now = look(folder.db)
                counts.expect(now.integrity == "ok" and now.doubled == 0, f"after a cut: {now.integrity}")
                if made % 4:
                    continue
            # What was rolled back is read again.
            counts.expect(one_import(folder, log, {}) == 0, "an import after the cuts failed")
            now = look(folder.db)
            counts.add("rows lost", now.lost(EVENTS))
            counts.add("rows doubled", now.doubled)
            counts.expect(now.is_sound and now.lost(EVENTS) == 0 and now.doubled == 0,
                          f"not exact: lost {now.lost(EVENTS)}, doubled {now.doubled}, {now.integrity}")
            clear(folder)
    return counts


def collecting(name, cuts, keep, chance):
    """The power goes while the server reads and follows a log."""
    counts = Counts(name)
    with Folder() as folder:
        log = GrowingLog(folder, EVENTS)
        log.grow(log.chunks)
        for _ in range(20 * cuts):
            if counts.figures.get("cuts", 0) == cuts:
                break
            moving = chance.random() < 0.3
            at = chance.randrange(1, 300 if moving else 2000)
            code = one_service(folder, log, shim(chance, at, keep, moving=moving))
            if code == CUT:
                counts.add("cuts")
                now = look(folder.db)
                counts.expect(now.integrity == "ok" and now.doubled == 0,
                              f"after a cut: {now.integrity}, doubled {now.doubled}")
            elif counts.expect(code == 0, f"ended with {code}"):
                clear(folder)
        counts.expect(counts.figures.get("cuts", 0) == cuts, "too few cuts")
        server = start(folder, counts, "--source", f"evtx:{log.path}")
        eventually(lambda: server.rows() == EVENTS)
        counts.expect(server.stop()[0] == 0, "the last server ended with an error")
        server.__exit__()
        check_exact(counts, folder.db, EVENTS, "at the end")
    return counts


def one_service(folder, log, env):
    """The exit code. Nobody asks it anything: who reads has the file in memory, of which a cut takes away parts."""
    process = subprocess.Popen([PROGRAM, "serve", "--listen", "127.0.0.1:0", "--db", folder.db, "--source",
                                f"evtx:{log.path}"], env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(1)
    except subprocess.TimeoutExpired:
        process.terminate()  # the end moves the log into the file, which may be cut too
    code = process.wait(20)
    drop_index(folder)
    return code


def trail(name, cuts, keep, chance):
    counts = Counts(name)
    with Folder() as folder:
        acknowledged = []
        made, on = 0, False
        while made < cuts:
            on = not on
            done = command("audit", "set", DROPS, "--failure", "on" if on else "off", "--db", folder.db, "--json",
                           env=shim(chance, chance.randrange(1, 90), keep))
            if done.returncode == CUT:
                made += 1
                counts.add("cuts")
            elif counts.expect(done.returncode == 0, f"audit set: {done.stderr.strip()}"):
                change = json.loads(done.stdout)
                if int(change.get("id") or 0):
                    acknowledged.append(int(change["id"]))
        counts.add("changes acknowledged", len(acknowledged))
        with sqlite3.connect(folder.db + ".audit") as connection:
            integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
            there = {i for i, in connection.execute("SELECT id FROM change WHERE state <> 0")}
        counts.expect(integrity == "ok", f"the trail: {integrity}")
        lost = [i for i in acknowledged if i not in there]
        counts.add("acknowledged changes lost", len(lost))
        counts.expect(not lost, f"changes {lost} were acknowledged and are gone")
    return counts


def control(cuts, chance):
    """A disk that lies about syncing must be found out, or these tests see nothing."""
    counts = Counts("control: the disk lies")
    counts.add("damaged or inexact stores", 0)
    with Folder() as folder:
        log = folder.write("log.xml", rendered_events(1, EVENTS))
        for _ in range(cuts):
            clear(folder)
            command("import", "--db", folder.db, folder.write("some.xml", rendered_events(1, 5000)))
            env = shim(chance, chance.randrange(20, 250), 50, lies=True, moving=True)
            counts.add("cuts", int(one_import(folder, log, env) == CUT))
            now = look(folder.db)
            if now.integrity != "ok" or not now.is_sound:
                counts.add("damaged or inexact stores")
    counts.expect(counts.figures["damaged or inexact stores"] > 0, "no damage was seen: the cuts do not bite")
    return counts
