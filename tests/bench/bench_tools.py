"""Running and timing programs: what the parts of the benchmark share. Standard library only."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time


class Failed(Exception):
    """A measurement could not be made; the message says why."""


def which(name):
    """The program's path, also where a user's PATH has no /usr/sbin; None when it is not there."""
    return shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


class Context:
    """What every part gets: where things are, how large, and where results go."""

    def __init__(self, build, folder, short, rows, results):
        self.build, self.folder, self.short, self.rows, self.results = build, folder, short, rows, results
        self.server = os.path.join(build, "blockwatchd")
        self.big_folder = None  # of the database that the import part makes and the HTTP part asks
        self.growth = {}  # rows -> lines of bench_store

    def program(self, name):
        """A benchmark program; None when it was not built."""
        path = os.path.join(self.build, "tests", "bench", name)
        return path if os.access(path, os.X_OK) else None

    def need(self, name):
        path = self.program(name)
        if not path:
            raise Failed(f"{name} is not built")
        return path

    def path(self, name):
        return os.path.join(self.folder, name)

    def pick(self, short, full):
        return short if self.short else full

    def peer(self, name, what):
        """Its path; when it is missing that is said once."""
        path = which(name)
        if not path:
            self.results.missing(name, what)
        return path


def run(command, **options):
    """Standard output of a program that has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
    return done.stdout


def json_lines(text):
    """The JSON objects of a program's output by their "line"; other lines are ignored."""
    found = {}
    for line in text.splitlines():
        if line.startswith("{"):
            item = json.loads(line)
            found[item.get("line", "")] = item
    return found


def measure(command, shell=False, expect=(0,)):
    """(wall seconds, CPU seconds) of a whole process and its children, its output thrown away."""
    start = time.perf_counter()
    process = subprocess.Popen(command, shell=shell, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               executable="/bin/bash" if shell else None)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expect:
        raise Failed(f"{command}: exit code {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Times:
    """Several measurements of one thing."""

    def __init__(self):
        self.values = []

    @property
    def median(self):
        return median(self.values)

    def spread(self, digits=3, unit=" s"):
        low, high = min(self.values), max(self.values)
        return f"{low:.{digits}f} to {high:.{digits}f}{unit}, {len(self.values)} runs"


def alternate(cases, runs):
    """Runs every case in turn, forwards and backwards, so that a busy spell hits all of them.

    `cases`: name -> function that returns a figure. Returns name -> Times.
    """
    times = {name: Times() for name in cases}
    for turn in range(runs):
        for name in list(cases) if turn % 2 == 0 else reversed(list(cases)):
            times[name].values.append(cases[name]())
    return times


def resident_mb(pid):
    """(all, without mapped files); None when the process has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            fields = dict(line.split(":", 1) for line in status)
        return int(fields["VmRSS"].split()[0]) / 1024, int(fields["RssAnon"].split()[0]) / 1024
    except (OSError, KeyError):
        return None


class ResidentWatch:
    """Samples the memory of a process until it ends or the watch is left."""

    def __init__(self, pid, every=0.1):
        self.pid, self.every, self.samples = pid, every, []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.wait(self.every):
            mb = resident_mb(self.pid)
            if mb:
                self.samples.append(mb)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        self._thread.join()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def daemon(command, ready, seconds=20):
    """A program in the background from the moment ready() holds; ended by SIGTERM."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        end = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                process.kill()
                raise Failed(f"{' '.join(command)} does not start: {process.stderr.read()[-300:]}")
            time.sleep(0.05)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stderr.close()
