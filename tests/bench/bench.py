#!/usr/bin/env python3
"""Every line of the speed targets beside its yardstick; started by tests/bench/run.

    bench.py --build FOLDER [--short] [--only PART,...] [--output FOLDER] [ROWS]
"""

import argparse
import os
import pathlib
import signal
import sys
import tempfile
import time
import traceback

import bench_files
import bench_http
import bench_store_parts
from bench_results import Results, first_line
from bench_tools import Context, Failed, which

HERE = pathlib.Path(__file__).parent

# In this order: what the import leaves is asked over HTTP.
PARTS = {
    "scan": (1, bench_files.scan),
    "bench_scan": (1, bench_store_parts.scan_program),
    "import": (2, bench_files.imports),
    "pages": (6, bench_http.pages),
    "health": (6, bench_http.health),
    "streams": (7, bench_http.streams),
    "live": (4, bench_store_parts.live),
    "json": (8, bench_store_parts.json_writer),
    "store": (5, bench_store_parts.store),
    "growth": (9, bench_store_parts.growth),
}


def versions(context):
    tools = (("blockwatchd", [context.server, "--version"]), ("compiler", ["c++", "--version"]),
             ("evtx_dump", ["evtx_dump", "--version"]), ("evtxexport", ["evtxexport", "-V"]),
             ("SQLite", ["sqlite3", "--version"]), ("jq", ["jq", "--version"]),
             ("nginx", [which("nginx") or "nginx", "-v"]), ("wrk", ["wrk", "--version"]))
    found = [(name, first_line(command)) for name, command in tools]
    found.append(("python3-evtx", first_line(["dpkg-query", "-W", "-f", "${Version}", "python3-evtx"])
                  if which("dpkg-query") else None))
    return found


def options():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", required=True, help="the folder of a release build")
    parser.add_argument("--short", action="store_true", help="small sizes: does everything still work?")
    parser.add_argument("--only", default=",".join(PARTS), help="some of: " + ",".join(PARTS))
    parser.add_argument("--output", help="where RESULTS.md and growth.svg go")
    parser.add_argument("rows", nargs="?", type=int, help="rows of the large store (default 10,000,000)")
    chosen = parser.parse_args()
    chosen.only = chosen.only.split(",")
    unknown = [part for part in chosen.only if part not in PARTS]
    if unknown:
        parser.error("no such part: " + ", ".join(unknown))
    # Only a whole run at full size is worth keeping as the project's results.
    whole = not chosen.short and len(chosen.only) == len(PARTS)
    chosen.output = chosen.output or (str(HERE) if whole else os.path.join(chosen.build, "tests", "bench"))
    chosen.rows = chosen.rows or (40_000 if chosen.short else 10_000_000)
    return chosen


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what is temporary is removed
    results = Results(judges=not chosen.short)
    failed = False
    with tempfile.TemporaryDirectory(prefix="blockwatch-bench-") as folder:
        context = Context(os.path.abspath(chosen.build), folder, chosen.short, chosen.rows, results)
        context.svg = os.path.join(chosen.output, "growth.svg")
        report = os.path.join(chosen.output, "RESULTS.md")
        if results.load[0] > 0.5 and results.judges:
            results.note(f"The machine was busy before the run (load {results.load[0]:.1f}): times spread more than "
                         "they would on an idle one, and absolute figures are lower.")
        told = (" ".join(sys.argv[1:]).replace(f"--build {chosen.build}", "").strip() or "none")
        for name in chosen.only:
            point, part = PARTS[name]
            print(f"-- {name}", flush=True)
            start = time.monotonic()
            try:
                part(context)
            except (Failed, OSError, KeyError, ValueError, AssertionError) as error:
                failed = True
                traceback.print_exc()
                results.not_measured(point, f"the part `{name}`", "", f"failed: {error}".replace("\n", " ")[:300])
            print(f"   {time.monotonic() - start:.0f} s", flush=True)
            results.write(report, told, versions(context))  # what was measured is kept, whatever comes
    print(f"{results.misses()} targets missed; {report}" if results.judges else f"see {report}")
    # A missed target is told, not an error: what fails is a benchmark that does not work.
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
