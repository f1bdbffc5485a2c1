"""Damaged event files: cut at every 512 bytes, and with bits flipped. Nothing crashes, hangs or takes much memory, and what
stands before the damage is delivered. Most of it in one process (damage_run), some through the program itself.

Environment: BLOCKWATCHD, BLOCKWATCH_DAMAGE_RUN (the program of damage_run.cpp), BLOCKWATCH_CORPUS (a folder with evtx/)."""

import json
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

from target import LONG, PROGRAM, Counts, skip

MEMORY_KB = 200_000
HANG_S = 2
RATIO = "0.0001:0.05"


def peak_kb():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


def in_one_process(counts, corpus):
    stride, seeds = ("1", "10000") if LONG else ("211", "600")
    done = subprocess.run([os.environ["BLOCKWATCH_DAMAGE_RUN"], str(corpus), stride, seeds],
                          stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout.strip())
    counts.check("files read in one process", done.returncode == 0, f"exit code {done.returncode}")
    counts.check("its memory", peak_kb() < MEMORY_KB, f"{peak_kb()} kB")


def through_the_program(counts, corpus, zzuf):
    """zzuf's seeds one by one: an exit code is one of the program's own, and the report is JSON."""
    logs = sorted(path for path in corpus.glob("*.evtx") if path.stat().st_size < 1_200_000)
    files = 400 if LONG else 40
    told = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(files):
            damaged = Path(folder, f"{seed}.evtx")
            with open(logs[seed % len(logs)], "rb") as whole, open(damaged, "wb") as out:
                subprocess.run([zzuf, "-s", str(seed), "-r", RATIO], stdin=whole, stdout=out, check=True)
            command = [PROGRAM, "import", "--json", "--db", f"{folder}/test.db", str(damaged)]
            done = None
            for _ in range(2):  # a second time when the machine was busy
                try:
                    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=5 * HANG_S, check=False)
                    break
                except subprocess.TimeoutExpired:
                    pass
            report = json.loads(done.stdout.splitlines()[0]) if done and done.stdout else {}
            counts.check(f"zzuf's seed {seed} of {logs[seed % len(logs)].name}",
                         done is not None and 0 <= done.returncode < 3 and "records" in report,
                         done and (done.returncode, done.stderr[-300:]))
            told += bool(report.get("damaged"))
            damaged.unlink()
    print(f"zzuf through the program: {files} files, {told} with damage told, memory at most {peak_kb()} kB")
    counts.check("the program's memory", peak_kb() < MEMORY_KB, f"{peak_kb()} kB")


def main():
    if not os.environ.get("BLOCKWATCH_CORPUS"):
        print("skipped: BLOCKWATCH_CORPUS is not set")
        raise SystemExit(77)
    corpus = Path(os.environ["BLOCKWATCH_CORPUS"], "evtx")
    zzuf = shutil.which("zzuf") or skip("zzuf")
    counts = Counts("damaged files")
    in_one_process(counts, corpus)
    through_the_program(counts, corpus, zzuf)
    counts.end()


if __name__ == "__main__":
    main()
