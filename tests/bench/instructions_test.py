#!/usr/bin/env python3
"""Instructions of fixed pieces of work, counted by callgrind, against those in instructions.json.

    instructions_test.py PROGRAM COMPILER            fails when a count is more than 30 % higher
    instructions_test.py PROGRAM COMPILER --update   writes the counts as the new ones

Counts hardly depend on the machine's load, unlike times, but on the compiler: the file has a set
for each. Skipped (exit code 77) without valgrind and for a compiler without a set.
"""

import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WORKS = ("insert", "page", "scan-flood", "scan-mixed")  # the longest first
ALLOWED = 1.30
SKIPPED = 77
COUNTS = pathlib.Path(__file__).with_name("instructions.json")


def run_once(program, work, times, only_work):
    """(instructions, whether the program leaves its preparation out of the count)"""
    with tempfile.TemporaryDirectory(prefix="blockwatch-instructions-") as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        if only_work:
            command.append("--instr-atstart=no")
        command += [program, folder, work, str(times)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
        collected = re.search(r"Collected : (\d+)", done.stderr)
        if not collected:
            raise SystemExit(f"callgrind told no count:\n{done.stderr}")
        return int(collected.group(1)), "counts_only_work 1" in done.stdout


def count(program, work):
    instructions, only_work = run_once(program, work, 1, True)
    if only_work:
        return instructions
    once, _ = run_once(program, work, 1, False)
    twice, _ = run_once(program, work, 2, False)
    return twice - once


def main():
    program, compiler, *rest = sys.argv[1:]
    update = rest == ["--update"]
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed (Debian: valgrind)")
        return SKIPPED
    known = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    if compiler not in known and not update:
        print(f"skipped: no counts for {compiler} in {COUNTS.name}; --update makes them")
        return SKIPPED
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        counts = dict(zip(WORKS, pool.map(lambda work: count(program, work), WORKS)))
    if update:
        known[compiler] = counts
        COUNTS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
    failed = False
    for work in WORKS:
        ratio = counts[work] / known[compiler][work]
        slower = ratio > ALLOWED
        failed = failed or slower
        verdict = f"FAILED: more than {ALLOWED:.2f}" if slower else "ok"
        print(f"{work:<12} {counts[work]:>15,} instructions, {ratio:.3f} of the committed count, {verdict}")
        if ratio < 1 / ALLOWED:
            print(f"{work:<12} has become much cheaper: --update keeps it so")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
