"""Installs the Debian package in a clean Debian root, boots that in a container of its own, and looks at the service.

Needs root, debootstrap and systemd-nspawn; exits with 77 (skipped) without them. The container has no network but its own
loopback, and goes away with its folder.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

SKIPPED = 77
BUILD, HERE = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
UNIT = """[Unit]
After=blockwatch.service
[Service]
Type=oneshot
ExecStart=/srv/check_service
ExecStopPost=systemctl --no-block poweroff
"""


def run(*words, **options):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False,
                          **options)
    if done.returncode:
        sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def boot(root):
    """Runs the system until its check has ended it. What the check wrote, line by line, as a dictionary."""
    report = os.path.join(root, "srv", "report")
    with open(os.path.join(root, "srv", "boot.log"), "w", encoding="utf-8") as log:
        subprocess.run(["systemd-nspawn", "--quiet", "--directory", root, "--boot", "--register=no", "--keep-unit",
                        "--private-network", "--link-journal=no", "--machine=blockwatch-test"],
                       env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}, stdin=subprocess.DEVNULL,
                       stdout=log, stderr=log, timeout=300, check=False)
    with open(report, encoding="utf-8") as file:
        return dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)


def check(condition, what):
    print(("ok      " if condition else "FAILED  ") + what, flush=True)
    return bool(condition)


def main():
    missing = [tool for tool in ("debootstrap", "systemd-nspawn", "cpack") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        print("skipped: needs " + (", ".join(missing) or "root"))
        return SKIPPED
    folder = tempfile.mkdtemp(prefix="blockwatch-install-")
    root = os.path.join(folder, "root")
    try:
        started = time.monotonic()
        made = subprocess.run(["debootstrap", "--variant=minbase",
                               "--include=systemd,systemd-sysv,curl,jq,nftables,python3-minimal", "bookworm", root],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
        if made.returncode:
            print("skipped: no clean Debian could be fetched: " + made.stdout[-500:])
            return SKIPPED
        print(f"a clean Debian after {time.monotonic() - started:.0f} s", flush=True)
        run("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", os.path.join(root, "srv"))
        package = next(name for name in os.listdir(os.path.join(root, "srv")) if name.endswith(".deb"))
        run("chroot", root, "apt-get", "install", "-y", "-qq", "--no-install-recommends", f"/srv/{package}")
        shutil.copy(os.path.join(HERE, "check_service"), os.path.join(root, "srv"))
        units = os.path.join(root, "etc", "systemd", "system")
        with open(os.path.join(units, "blockwatch-check.service"), "w", encoding="utf-8") as file:
            file.write(UNIT)
        wants = os.path.join(units, "multi-user.target.wants")
        os.symlink("../blockwatch-check.service", os.path.join(wants, "blockwatch-check.service"))
        report = boot(root)
        print(json.dumps(report, indent=1))
        passed = [
            check(report.get("active") == "active", "the service runs after the boot"),
            check(report.get("ready") == "200", "/health/ready answers 200"),
            check(report.get("user") not in (None, "", "root"), "it runs as a user of its own"),
            check(int(report.get("capabilities") or "0", 16) == 1 << 12, "CAP_NET_ADMIN is all it may do"),
            check(report.get("no_new_privileges") == "1", "and it cannot gain more"),
            check(report.get("state_mode") == "700", "its data is its own"),
            check(report.get("token_used") == "202", "a token that root makes is one that it takes"),
            check(report.get("source") == "nflog:8470", "auto is NFLOG"),
            check(int(report.get("dropped") or "0") > 0, "what the firewall drops is an event"),
            check(report.get("stopped") == "success", "it stops by itself"),
            check((report.get("tables_before"), report.get("tables_left")) == ("1", "0"),
                  "its removal takes the rules of firewall-log along"),
        ]
        run("chroot", root, "apt-get", "purge", "-y", "-qq", "blockwatch")
        left = [path for path in ("usr/bin/blockwatchd", "var/lib/private/blockwatch", "etc/blockwatch")
                if os.path.lexists(os.path.join(root, path))]
        passed.append(check(not left, f"a purge leaves nothing {left}"))
        print(f"{sum(passed)} passed, {len(passed) - sum(passed)} failed")
        if not all(passed):
            for name in ("boot.log", "service.log"):
                with open(os.path.join(root, "srv", name), encoding="utf-8", errors="replace") as file:
                    print(file.read()[-8000:])
        return 0 if all(passed) else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
