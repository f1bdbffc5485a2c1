"""Pages of other origins in Chromium: none reads or changes anything; our own page may.

Environment: BLOCKWATCHD, BLOCKWATCH_LOG (an EVTX file with our events), BLOCKWATCH_NODE, BLOCKWATCH_NPM, and BLOCKWATCH_TOOLS, the
folder that keeps the tool."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from target import PROGRAM, Counts, Target, skip

HERE = Path(__file__).resolve().parent / "browser"
# The contract's installer takes the package files beside the one named.
os.environ["BLOCKWATCH_CONTRACT"] = str(HERE / "package.json")
import tools  # noqa: E402 (of tests/contract, which target.py put on the path)


def state(target):
    """Everything that a foreign page could have changed."""
    return {
        "rows": target.get("/api/v1/status").json["store"]["rows"],
        "policy": target.get("/api/v1/audit/policy?all=true").json,
        "backups": target.get("/api/v1/audit/backups").json,
        "changes": target.get("/api/v1/audit/changes").json,
        "another import": target.get("/api/v1/imports/2").status,
    }


def main():
    chromium = shutil.which("chromium") or skip("chromium")
    node = os.environ.get("BLOCKWATCH_NODE") or shutil.which("node") or skip("node")
    tools.install()
    # Node finds modules from where the script lies.
    scripts = tools.FOLDER / "scripts"
    shutil.copytree(HERE, scripts, dirs_exist_ok=True)
    counts = Counts("browser")
    with Target(PROGRAM) as target:
        with open(os.environ["BLOCKWATCH_LOG"], "rb") as log:
            target.import_file(log.read(), target.token("import"), "demo.evtx")
        before = state(target)
        done = subprocess.run([node, str(scripts / "browser.mjs"), chromium, str(target.port), target.token("audit")],
                              stdout=subprocess.PIPE, text=True, timeout=200, check=False)
        *lines, last = done.stdout.splitlines() or [""]
        print(*lines, sep="\n")
        result = json.loads(last) if last.startswith("{") else {"tried": 0, "failed": 1}
        counts.tried += result["tried"]
        counts.check("the attacks", result["tried"] > 0 and result["failed"] == 0, f"exit code {done.returncode}")
        after = state(target)
        for name, value in before.items():
            counts.check(f"{name} as before", after[name] == value, f"{value} became {after[name]}")
    counts.end()


if __name__ == "__main__":
    main()
