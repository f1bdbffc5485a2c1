"""The npm tools that check the contract, installed once per lock file: tools.py install

Environment: BLOCKWATCH_TOOLS (folder), BLOCKWATCH_CONTRACT (openapi.yaml, beside its package.json),
BLOCKWATCH_NODE, BLOCKWATCH_NPM."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

CONTRACT = Path(os.environ["BLOCKWATCH_CONTRACT"])
FOLDER = Path(os.environ["BLOCKWATCH_TOOLS"])
NODE = os.environ.get("BLOCKWATCH_NODE", "node")
MODULES = FOLDER / "node_modules"
SPECTRAL = [NODE, str(MODULES / "@stoplight/spectral-cli/dist/index.js")]
REDOCLY = [NODE, str(MODULES / "@redocly/cli/bin/cli.js")]
PRISM = [NODE, str(MODULES / "@stoplight/prism-cli/dist/index.js")]
SPECMATIC = ["java", "-jar", str(MODULES / "specmatic/specmatic.jar")]

# The tools ask nobody and tell nobody.
ENVIRONMENT = {**os.environ, "REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
               "SPECMATIC_DISABLE_TELEMETRY": "true", "NO_COLOR": "1"}


def install():
    lock = CONTRACT.with_name("package-lock.json")
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = FOLDER / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(CONTRACT.with_name(name), FOLDER)
    npm = os.environ.get("BLOCKWATCH_NPM", "npm")
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
                    "--loglevel=error"], cwd=FOLDER, check=True, timeout=900)
    stamp.write_text(wanted)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    assert sys.argv[1:] == ["install"], __doc__
    install()
