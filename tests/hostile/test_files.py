"""Damaged event files: cut at every 512 bytes, and with bits flipped. Nothing crashes, hangs or takes much memory, and what
stands before the damage is delivered. Most of it in one process (damage_run), some through the program itself.

Environment: BLOCKWATCHD, BLOCKWATCH_DAMAGE_RUN (the program of damage_run.cpp), BLOCKWATCH_CORPUS (a folder with evtx/),
BLOCKWATCH_LOG (an EVTX file with our events)."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from target import LONG, PROGRAM, Counts, skip

MEMORY_KB = 200_000
HANG_S = 2
RATIO = "0.0001:0.05"
DAMAGED = 3  # the exit code for: finished, some of it was damaged


class Run:
    """A program that ran to its end or was ended after `patience` seconds: code (None), output, its own peak of memory."""

    def __init__(self, command, patience=None):
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen(command, stdout=out, stderr=errors)
            timer = threading.Timer(patience or 7200, process.kill)
            timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            self.code, self.peak_kb = process.returncode, usage.ru_maxrss
            out.seek(0)
            errors.seek(0)
            self.out, self.errors = out.read(), errors.read()


def in_one_process(counts, corpus):
    stride, seeds = ("1", "10000") if LONG else ("211", "600")
    done = Run([os.environ["BLOCKWATCH_DAMAGE_RUN"], stride, seeds, str(corpus), os.environ["BLOCKWATCH_LOG"]])
    print(done.out.strip())
    print(f"files in one process: memory at most {done.peak_kb} kB")
    counts.check("files read in one process", done.code == 0, f"exit code {done.code} {done.errors}")
    counts.check("its memory", done.peak_kb < MEMORY_KB, f"{done.peak_kb} kB")


def through_the_program(counts, corpus, zzuf):
    """zzuf's seeds one by one: an exit code is one of the program's own, and the report is JSON."""
    logs = sorted(path for path in corpus.glob("*.evtx") if 0 < path.stat().st_size < 1_200_000)
    logs.append(Path(os.environ["BLOCKWATCH_LOG"]))
    files = 400 if LONG else 40
    told = peak_kb = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(files):
            damaged = Path(folder, f"{seed}.evtx")
            with open(logs[seed % len(logs)], "rb") as whole, open(damaged, "wb") as out:
                subprocess.run([zzuf, "-s", str(seed), "-r", RATIO], stdin=whole, stdout=out, check=True)
            command = [PROGRAM, "import", "--json", "--db", f"{folder}/test.db", str(damaged)]
            done = Run(command, 5 * HANG_S)
            if done.code == -signal.SIGKILL:  # a second time, in case the machine was busy
                done = Run(command, 5 * HANG_S)
            report = json.loads(done.out.splitlines()[0]) if done.out else {}
            counts.check(f"zzuf's seed {seed} of {logs[seed % len(logs)].name}",
                         done.code in (0, DAMAGED) and "records" in report, (done.code, done.errors[-300:]))
            told += done.code == DAMAGED
            peak_kb = max(peak_kb, done.peak_kb)
            damaged.unlink()
    print(f"zzuf through the program: {files} files, {told} with damage told, memory at most {peak_kb} kB")
    counts.check("the program's memory", peak_kb < MEMORY_KB, f"{peak_kb} kB")


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
