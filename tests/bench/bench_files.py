"""Points 1 to 3: reading logs, importing them, and the room that takes."""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from bench_tools import Failed, ResidentWatch, Times, alternate, json_lines, measure, run

HERE = pathlib.Path(__file__).parent

# What others have published or measured elsewhere. Told as such, never as a measurement of this run.
EVTX_DUMP_PUBLISHED = (
    "evtx_dump 0.12.2, from its README: 30 MB (62,000 records) in 75 ms as JSON lines with one thread on a Ryzen "
    "3900X: about 400 MB/s. An earlier measurement by hand on a machine of two Zen 4 cores with other logs: 490 "
    "MB/s (mixed) and 519 MB/s (flood) with one thread, and 29,000 rows/s through `evtx_dump | jq | sqlite3 .import`.")
ANCHOR = {"mixed": 490.0, "flood": 519.0}


def make_log(context, name, *options):
    path = context.path(name)
    made = json.loads(run([context.need("make_bench_log"), path, *map(str, options)]))
    context.results.command(f"make_bench_log {name} {' '.join(map(str, options))}")
    return path, made


def scan_seconds(context, path, *options):
    """Seconds inside the program: its start is not the reader's work."""
    def once():
        return json_lines(run([context.need("scan_file"), *options, "--json", path]))["scan"]["seconds"]
    return once


def scan(context):
    results = context.results
    megabytes = context.pick(16, 512)
    runs = context.pick(3, 9)
    for name, per_mille, factor, factor_export in (("mixed", 3, 12, 500), ("flood", 900, 6, 250)):
        path, made = make_log(context, f"{name}.evtx", "--megabytes", megabytes, "--per-mille", per_mille)
        results.command(f"scan_file [--bare] [--threads N] {name}.evtx")
        times = alternate({
            "bare": scan_seconds(context, path, "--bare"),
            1: scan_seconds(context, path),
            2: scan_seconds(context, path, "--threads", "2"),
        }, runs)
        mb = made["bytes"] / 1e6
        for threads in (1, 2):
            t = times[threads]
            results.add(1, f"{name}, {threads} thread{'s' if threads > 1 else ''}", "",
                        f"{mb / t.median:,.0f} MB/s, {made['wanted'] / t.median / 1e6:.2f} M wanted/s", None,
                        t.spread())
        ratio = times[1].median / times["bare"].median
        results.add(1, f"{name}: time against the bare read + CRC32 + walk loop",
                    "<= 1.5x" if name == "mixed" else "", f"{ratio:.2f}x",
                    ratio <= 1.5 if name == "mixed" else None,
                    "bare loop " + times["bare"].spread())
        against_evtx_dump(context, name, path, mb, factor, times[1].median, runs)
        against_evtxexport(context, name, per_mille, factor_export, runs)
        os.remove(path)
    against_python_evtx(context)


def against_evtx_dump(context, name, path, mb, factor, ours, runs):
    results = context.results
    peer = context.peer("evtx_dump", "scan and import beside evtx_dump")
    for threads in (1, 2):
        what = f"{name}: evtx_dump's time over ours, {threads} thread{'s' if threads > 1 else ''}"
        if not peer:
            hint = "evtx_dump is not installed"
            if threads == 1:
                hint += f"; ours is {mb / ours / ANCHOR[name]:.1f}x the {ANCHOR[name]:.0f} MB/s of the note below"
            results.not_measured(1, what, f">= {factor}x", hint)
            continue
        results.command(f"evtx_dump -t {threads} -o jsonl {name}.evtx >/dev/null")
        times = alternate({
            "peer": lambda: measure([peer, "-t", str(threads), "-o", "jsonl", path])[0],
            "ours": lambda: measure([context.need("scan_file"), "--threads", str(threads), path])[0],
        }, max(3, runs // 2))
        ratio = times["peer"].median / times["ours"].median
        results.add(1, what, f">= {factor}x", f"{ratio:.1f}x", ratio >= factor,
                    f"whole processes; evtx_dump {times['peer'].spread()}, ours {times['ours'].spread()}")
    if not peer:
        results.note("Reference, not measured here: " + EVTX_DUMP_PUBLISHED)


def against_evtxexport(context, name, per_mille, factor, runs):
    results = context.results
    what = f"{name}: evtxexport's time over ours"
    peer = context.peer("evtxexport", "scan and import beside evtxexport")
    if not peer:
        results.not_measured(1, what, f">= {factor}x", "evtxexport is not installed")
        return
    megabytes = context.pick(2, 48)
    path, _ = make_log(context, f"{name}-small.evtx", "--megabytes", megabytes, "--per-mille", per_mille)
    results.command(f"evtxexport {name}-small.evtx >/dev/null")
    times = alternate({
        "peer": lambda: measure([peer, path])[0],
        "ours": lambda: measure([context.need("scan_file"), path])[0],
    }, context.pick(2, 5))
    inside = Times()
    inside.values = [scan_seconds(context, path)() for _ in range(runs)]
    ratio = times["peer"].median / times["ours"].median
    results.add(1, f"{what}, one thread, {megabytes} MB", f">= {factor}x", f"{ratio:,.0f}x", ratio >= factor,
                f"whole processes; evtxexport {times['peer'].spread()}, ours {times['ours'].spread(4)}; "
                f"ours without its start {times['peer'].median / inside.median:,.0f}x")
    os.remove(path)


def against_python_evtx(context):
    peer = context.peer("evtx_dump.py", "scan beside python3-evtx")
    if not peer:
        return
    path, made = make_log(context, "tiny.evtx", "--wanted", context.pick(150, 2500), "--per-mille", 900)
    context.results.command("/usr/bin/python3 evtx_dump.py tiny.evtx >/dev/null")
    theirs = alternate({"peer": lambda: measure(["/usr/bin/python3", peer, path])[0]}, context.pick(1, 3))["peer"]
    ours = alternate({"ours": lambda: measure([context.need("scan_file"), path])[0]}, 5)["ours"]
    context.results.add(1, f"flood: python3-evtx's time over ours, {made['records']} records", "",
                        f"{theirs.median / ours.median:,.0f}x", None,
                        f"whole processes; python3-evtx {theirs.spread()}")
    os.remove(path)


def import_once(context, path):
    """Seconds of a whole `blockwatchd import` into a new database."""
    db = context.path("import.db")

    def once():
        remove_db(db)
        wall, _ = measure([context.server, "import", "--db", db, path])
        return wall
    return once


def remove_db(db):
    for suffix in ("", "-wal", "-shm", ".lock", "-lock"):
        if os.path.exists(db + suffix):
            os.remove(db + suffix)


def peer_pipeline(context, kind, path):
    """The shell line with which a user would fill SQLite from another reader; None: it is missing."""
    db = context.path("peer.db")
    rows = f"{sys.executable} {HERE / 'peer_rows.py'}"
    head = {
        "evtx_dump": f"evtx_dump -o jsonl '{path}' | jq -r -f '{HERE / 'peer_rows.jq'}'",
        "evtxexport": f"evtxexport '{path}' | {rows} evtxexport",
        "python3-evtx": f"/usr/bin/python3 \"$(command -v evtx_dump.py)\" '{path}' | {rows} xml",
    }[kind]
    needs = {"evtx_dump": ("evtx_dump", "jq"), "evtxexport": ("evtxexport",), "python3-evtx": ("evtx_dump.py",)}
    for name in (*needs[kind], "sqlite3"):
        if not context.peer(name, f"import beside {kind}"):
            return None
    line = f"set -o pipefail; {head}"
    line += f" | sqlite3 -init '{HERE / 'peer_schema.sql'}' '{db}' '.import --csv /dev/stdin event'"
    line += f" && sqlite3 '{db}' < '{HERE / 'peer_indexes.sql'}'"
    context.results.command(line.replace(context.folder + "/", "").replace(str(HERE) + "/", "")
                            .replace(sys.executable, "python3"))

    def once():
        remove_db(db)
        wall, _ = measure(line, shell=True)
        return wall
    return once


def import_beside_peers(context):
    results = context.results
    for kind, wanted, runs, target in (("evtx_dump", context.pick(5_000, 700_000), context.pick(1, 3), 12),
                                       ("evtxexport", context.pick(2_000, 50_000), context.pick(1, 3), None),
                                       ("python3-evtx", context.pick(150, 2_500), 1, None)):
        what = f"flood: time of `{kind} | ... | sqlite3 .import` over ours"
        peer = peer_pipeline(context, kind, context.path("import.evtx"))
        if not peer:
            results.not_measured(2, what, f">= {target}x" if target else "", f"{kind} or sqlite3 is not installed")
            continue
        path, made = make_log(context, "import.evtx", "--wanted", wanted, "--per-mille", 900)
        times = alternate({"peer": peer, "ours": import_once(context, path)}, runs)
        stored = int(run(["sqlite3", context.path("peer.db"), "SELECT count(*) FROM event"]))
        if abs(stored - made["wanted"]) > made["wanted"] * 0.001:
            raise Failed(f"the pipeline of {kind} stored {stored} of {made['wanted']} rows")
        if stored != made["wanted"]:
            results.note(f"{kind} gave {stored} of the {made['wanted']} wanted records of its log.")
        ratio = times["peer"].median / times["ours"].median
        results.add(2, f"{what}, {wanted:,} rows", f">= {target}x" if target else "", f"{ratio:,.1f}x",
                    ratio >= target if target else None,
                    f"{kind} {times['peer'].spread()}, ours {times['ours'].spread()}")
        os.remove(path)
        remove_db(context.path("peer.db"))
        remove_db(context.path("import.db"))


def sustained(context):
    """One import of many logs up to the full size; its database is what HTTP is asked of later."""
    results = context.results
    parts = context.pick(2, 10)
    each = max(context.rows // parts, 1)
    paths = [make_log(context, f"part{n}.evtx", "--wanted", each, "--per-mille", 1000, "--part", n,
                      "--days", 3)[0] for n in range(parts)]
    folder = context.path("big")
    os.makedirs(folder)
    db = os.path.join(folder, "test.db")  # the name that Server gives its database
    command = [context.server, "import", "--json", "--db", db, *paths]
    results.command(f"blockwatchd import --json --db test.db part0.evtx ... part{parts - 1}.evtx")
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with ResidentWatch(process.pid) as watch:
        reports = [json.loads(line) for line in process.stdout]
        process.wait()
    wall = time.perf_counter() - start
    process.stdout.close()
    if process.returncode != 0 or sum(r.get("stored", 0) for r in reports if "file" in r) != parts * each:
        raise Failed(f"the import ended with {process.returncode}: {str(reports)[-300:]}")
    rows = parts * each
    rates = [r["stored"] / r["seconds"] for r in reports if r.get("stored")]
    results.add(2, f"flood: rows/s sustained to {rows:,} rows", ">= 270,000", f"{rows / wall:,.0f} rows/s",
                rows / wall >= 270_000, f"parts {min(rates):,.0f} to {max(rates):,.0f}, first {rates[0]:,.0f}, "
                f"last {rates[-1]:,.0f}")
    memory_lines(context, watch)
    size = os.path.getsize(db)
    results.add(3, f"imported logs: bytes a row at {rows:,} rows", "<= 110", f"{size / rows:.1f}", size / rows <= 110,
                "half Windows 10, half Windows 11 with up to 19 fields")
    for path in paths:
        os.remove(path)
    context.big_folder = folder


def memory_lines(context, watch):
    if not watch.samples:
        context.results.not_measured(2, "resident memory of the import", "< 200 MB, flat", "it ended too soon")
        return
    peak, anon = (max(s[i] for s in watch.samples) for i in (0, 1))
    fifth = max(len(watch.samples) // 5, 1)
    # How full the queues are at an instant says nothing of growth.
    early = statistics.median(s[0] for s in watch.samples[fifth:2 * fifth] or watch.samples)
    late = statistics.median(s[0] for s in watch.samples[-fifth:])
    context.results.add(2, "flood: resident memory of the import", "< 200 MB", f"{peak:.0f} MB", peak < 200,
                        f"largest of {len(watch.samples)} samples; {anon:.0f} MB without mapped files")
    context.results.add(2, "flood: memory of the last fifth over the second fifth", "flat (<= 1.2x)",
                        f"{late / early:.2f}x", late / early <= 1.2, f"{early:.0f} MB, {late:.0f} MB")


def imports(context):
    import_beside_peers(context)
    sustained(context)
