"""Two network namespaces joined by a cable, for tests that need real packets. Nothing of the machine's own network is
touched: the test runs in a namespace of its own, as root of it, and all ends with its last process."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SKIPPED = 77
OURS, PEER = "10.77.0.2", "10.77.0.1"
OURS6, PEER6 = "fd77::2", "fd77::1"
BEHIND = "10.78.0.9"  # an address that is reached through us


def enter_own_namespace(ways=(("--user", "--map-root-user", "--net"), ("--net",))):
    """Starts this program again in new namespaces, the first way that works, or ends it as skipped, saying why."""
    if os.environ.get("BLOCKWATCH_OWN_NAMESPACE"):
        return
    missing = [tool for tool in ("unshare", "nsenter", "setpriv", "ip", "nft") if not shutil.which(tool, path=PATH)]
    if missing:
        skip(f"not installed: {', '.join(missing)}")
    for how in ways:
        tried = subprocess.run(["unshare", *how, "nft", "add", "table", "inet", "x"], capture_output=True, text=True,
                               check=False, env=environment())
        if tried.returncode == 0:
            os.execvpe("unshare", ["unshare", *how, sys.executable, *sys.argv],
                       environment() | {"BLOCKWATCH_OWN_NAMESPACE": "1"})
    skip(f"no namespace with nftables of its own: {tried.stderr.strip()}")


PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


def environment():
    return os.environ | {"PATH": PATH}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def run(*words, stdin=None):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, env=environment())
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def die_with_parent():
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL


class Peer:
    """The other namespace, alive as long as its process."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep 3600"],
                                        stdout=subprocess.PIPE, preexec_fn=die_with_parent, env=environment())
        self.process.stdout.readline()
        run("ip", "link", "add", "ours", "type", "veth", "peer", "name", "theirs", "netns", str(self.process.pid))
        for command in (["addr", "add", f"{OURS}/24", "dev", "ours"], ["addr", "add", f"{OURS6}/64", "dev", "ours", "nodad"],
                        ["link", "set", "ours", "up"], ["link", "set", "lo", "up"],
                        ["link", "add", "behind", "type", "veth", "peer", "name", "beyond"],
                        ["addr", "add", "10.78.0.1/24", "dev", "behind"], ["link", "set", "behind", "up"],
                        ["link", "set", "beyond", "up"]):
            run("ip", *command)
        for command in (["addr", "add", f"{PEER}/24", "dev", "theirs"],
                        ["addr", "add", f"{PEER6}/64", "dev", "theirs", "nodad"], ["link", "set", "theirs", "up"],
                        ["link", "set", "lo", "up"], ["route", "add", "default", "via", OURS]):
            self.run("ip", *command)
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
            file.write("1")

    def command(self, *words):
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", *words]

    def run(self, *words):
        return run(*self.command(*words))

    def close(self):
        for end in ("ours", "behind"):
            run("ip", "link", "del", end)
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def load_rules(text):
    run("nft", "-f", "-", stdin="flush ruleset\n" + text)


def handles():
    """Prefix of every rule that logs, with its handle."""
    found = {}
    for item in json.loads(run("nft", "-j", "list", "ruleset"))["nftables"]:
        for expression in item.get("rule", {}).get("expr", []):
            if "log" in expression:
                found[expression["log"].get("prefix", "")] = item["rule"]["handle"]
    return found


def counted():
    """Packets that the rules with a counter have met."""
    total = 0
    for item in json.loads(run("nft", "-j", "list", "ruleset"))["nftables"]:
        for expression in item.get("rule", {}).get("expr", []):
            if "counter" in expression:
                total += expression["counter"]["packets"]
    return total


class NamespaceTest(unittest.TestCase):
    """Each test has a folder, the other namespace, and no rules of the one before."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.peer = Peer()
        self.addCleanup(self.peer.close)
        self.addCleanup(run, "nft", "flush", "ruleset")
