"""What was measured, and how it is told: a table for the terminal and RESULTS.md."""

import datetime
import os
import platform
import subprocess

TITLES = {
    1: "Scan: file to wanted rows, all fields, no store",
    2: "Import: file to indexed rows with raw fields and counts",
    3: "Space",
    4: "Live: events of a running source",
    5: "Queries at full size, warm",
    6: "HTTP",
    7: "Streams",
    8: "JSON",
    9: "Growth",
}
PASS, MISS, OPEN = "pass", "**miss**", "not measured"


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else None


def field_of(path, key):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(key):
                    return line.split(":", 1)[1].strip() if ":" in line else line.split("=", 1)[1].strip().strip('"')
    except OSError:
        pass
    return "unknown"


class Results:
    def __init__(self, judges=True):
        self.judges = judges  # a short form is too small to keep or to miss a target
        self.lines, self.commands, self.absent, self.texts, self.notes = [], [], [], [], []
        self.begun = datetime.datetime.now(datetime.timezone.utc)
        self.load = os.getloadavg()

    def add(self, point, what, target, measured, ok=None, spread=""):
        """One line of the issue. ok: kept (True), missed (False) or only told (None)."""
        verdict = "" if ok is None or not self.judges else PASS if ok else MISS
        self._line(point, what, target, measured, verdict, spread)

    def not_measured(self, point, what, target, why):
        self._line(point, what, target, why, OPEN, "")

    def _line(self, *line):
        self.lines.append(line)
        point, what, target, measured, verdict, spread = line
        print(f"  {point} {what:<58} {measured:<34} {('target ' + target) if target else '':<26} "
              f"{verdict.strip('*')} {('(' + spread + ')') if spread else ''}".rstrip(), flush=True)

    def missing(self, name, what):
        if (name, what) not in self.absent:
            self.absent.append((name, what))
            print(f"  {name} is not installed: {what} is left out", flush=True)

    def command(self, text):
        if text not in self.commands:
            self.commands.append(text)

    def text(self, title, body):
        """A longer piece of the report, as it is."""
        self.texts.append((title, body))

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def misses(self):
        return sum(line[4] == MISS for line in self.lines)

    def write(self, path, options, versions):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(self.markdown(options, versions))

    def markdown(self, options, versions):
        cores = os.cpu_count()
        memory = int(field_of("/proc/meminfo", "MemTotal").split()[0]) / 1024 / 1024
        kept, missed = (sum(line[4] == v for line in self.lines) for v in (PASS, MISS))
        unmeasured = sum(line[4] == OPEN for line in self.lines)
        text = ["# Results of the benchmark\n",
                "Written by `tests/bench/run`; every figure is from one run, side by side with its yardstick, "
                "medians unless it says otherwise.\n",
                f"Targets kept: {kept}, missed: {missed}, not measured: {unmeasured}.\n" if self.judges else
                "A short form, too small to judge: it shows that all of it works.\n",
                "| | |", "|---|---|",
                f"| when | {self.begun:%Y-%m-%d %H:%M} UTC, options `{options}` |",
                f"| processor | {field_of('/proc/cpuinfo', 'model name')}, {cores} cores |",
                f"| memory | {memory:.0f} GB |",
                f"| system | {field_of('/etc/os-release', 'PRETTY_NAME')}, Linux {platform.release()} |",
                f"| load before | {self.load[0]:.1f} |"]
        text += [f"| {name} | {version} |" for name, version in versions if version]
        text.append("")
        for point, title in TITLES.items():
            rows = [line for line in self.lines if line[0] == point]
            if not rows:
                continue
            text += [f"## {point}. {title}\n", "| what | target | measured | spread | |", "|---|---|---|---|---|"]
            text += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row[1:4] + (row[5], row[4])) + " |"
                     for row in rows]
            text.append("")
        for title, body in self.texts:
            text += [f"## {title}\n", body.rstrip() + "\n"]
        if self.absent:
            text += ["## Left out\n"] + [f"- `{name}` is not installed: {what}." for name, what in self.absent] + [""]
        if self.notes:
            text += ["## Notes\n"] + [f"- {note}" for note in self.notes] + [""]
        text += ["## Commands\n", "```"] + self.commands + ["```", ""]
        return "\n".join(text)
