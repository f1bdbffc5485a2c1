"""sqlmap at level 3 and risk 3: it finds the hole of weak_sql.py and none in ours. Short: the two parameters whose text goes
deepest; long: every parameter of every question of openapi.yaml.

Environment: BLOCKWATCHD, BLOCKWATCH_CONTRACT (openapi.yaml), BLOCKWATCH_LOG (an EVTX file with our events)."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from target import LONG, PROGRAM, Counts, Target, skip

from contract import Contract, examples_of

SHORT = {("list_events", "q"), ("field_values", "prefix")}


def ask(sqlmap, url, parameter):
    """(injectable, whether sqlmap came to an end, what it said)."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sqlmap, "--batch", "--level", "3", "--risk", "3", "--threads", "2", "--dbms", "sqlite", "--flush-session",
                   "--technique", "BEUS" if not LONG else "BEUST", "--disable-coloring", "--output-dir", folder, "-u", url,
                   "-p", parameter]
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=7200, check=False).stdout
    clean = "do not appear to be injectable" in out or "does not seem to be injectable" in out
    return "identified the following injection point" in out, clean, out


def questions(contract, target):
    """(name, address, parameter) of each parameter of each question."""
    for operation in contract.operations.values():
        if operation.method != "GET" or operation.id == "stream_events":
            continue  # a stream has no end; its filters are those of the page
        path, needed = operation.path, []
        for parameter in operation.parameters:
            value = quote(str(next(iter(examples_of(parameter).values()))), safe="")
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", value)
            elif parameter.get("required"):
                needed.append((parameter["name"], value))
        for parameter in operation.parameters:
            name = parameter["name"]
            if parameter["in"] != "query" or (not LONG and (operation.id, name) not in SHORT):
                continue
            value = quote(str(next(iter(examples_of(parameter).values()))), safe="")
            query = [pair for pair in needed if pair[0] != name] + [(name, value)]
            yield f"{operation.id} {name}", target.url + path + "?" + "&".join(f"{k}={v}" for k, v in query), name


def main():
    sqlmap = shutil.which("sqlmap") or skip("sqlmap")
    counts = Counts("injection")
    with subprocess.Popen([sys.executable, "-B", str(Path(__file__).with_name("weak_sql.py"))],
                          stdout=subprocess.PIPE, text=True) as weak, Target(PROGRAM) as target:
        port = int(weak.stdout.readline())
        with open(os.environ["BLOCKWATCH_LOG"], "rb") as log:
            target.import_file(log.read(), target.token("import"), "demo.evtx")
        asked = [("control", f"http://127.0.0.1:{port}/?q=abc", "q")]
        asked += questions(Contract(os.environ["BLOCKWATCH_CONTRACT"]), target)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for (name, *_), (found, clean, said) in zip(asked, pool.map(lambda q: ask(sqlmap, *q[1:]), asked)):
                tail = re.sub(r"\s+", " ", said[-600:])
                if name == "control":
                    counts.check("sqlmap finds the hole of the control", found, tail)
                else:
                    counts.check(f"sqlmap finds none in {name}", clean and not found, tail)
        weak.terminate()
    counts.end()


if __name__ == "__main__":
    main()
