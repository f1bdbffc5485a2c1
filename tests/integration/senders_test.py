"""Who sent a dropped packet, where the kernel tells (eBPF): also of processes that live for one packet. Needs root in the
machine's own namespaces, as rights over the kernel count nowhere else: senders_test.py PROGRAM [PACKETS]"""

import json
import os
import shutil
import subprocess
import sys
import unittest

import nflog_namespaces as net
from blockwatch_server import Server, eventually
from nflog_namespaces import PEER, PEER6

PROGRAM = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 50
TOLD = "the kernel tells who sent a packet that is dropped"

RULES = """
table inet guard {
  chain output {
    type filter hook output priority 0; policy accept;
    oifname "lo" accept
    udp dport 7000-7999 log prefix "out-udp " group 8470 drop
    tcp dport 7000-7999 log prefix "out-tcp " group 8470 reject
  }
}
"""
SILENT_RULES = """
table inet guard {
  chain output {
    type filter hook output priority 0; policy accept;
    udp dport 7000-7999 drop
  }
}
"""
PYTHON = os.path.realpath(sys.executable)
BASH = os.path.realpath(shutil.which("bash") or "/bin/bash")


def python_once(kind, address, port):
    family = "INET6" if ":" in address else "INET"
    how = {"udp": f"s = socket.socket(socket.AF_{family}, socket.SOCK_DGRAM); s.sendto(b'x', ('{address}', {port}))",
           "tcp": f"s = socket.socket(socket.AF_{family}); s.setblocking(False); s.connect_ex(('{address}', {port}))"}[kind]
    return PYTHON, [PYTHON, "-S", "-c", f"import os, socket\ntry:\n {how}\nexcept OSError: pass\nos._exit(0)"]


def bash_once(_kind, address, port):
    return BASH, [BASH, "-c", f"echo x >/dev/udp/{address}/{port}"]


class SendersTest(net.NamespaceTest):
    def following(self):
        server = Server(PROGRAM, self.folder, "--source", "nflog:8470")
        self.addCleanup(server.__exit__)
        self.assertTrue(eventually(lambda: server.get("/api/v1/sources")["sources"][0]["state"] == "following"))
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            self.assertIn(TOLD, log.read())
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
            rights = next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm"))
        self.assertEqual(rights >> 38, 0, "the rights over the kernel are given away")
        return server

    def check(self, senders):
        """Runs each to its end, then asks for the events. {port: (process, executable)}"""
        server = self.following()
        expected = {}
        for port, (executable, words) in senders.items():
            process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
            process.wait()
            expected[port] = (process.pid, executable)
        events = []

        def all_there():
            events[:] = server.get("/api/v1/events?limit=1000&include=raw&remote_port=7000-7999")["events"]
            return len(events) >= len(expected)

        eventually(all_there, 10)
        right = wrong = unknown = 0
        for event in events:
            told = (event["process_id"], event["application"])
            right += told == expected[event["remote_port"]]
            unknown += told[0] is None
            wrong += told[0] is not None and told != expected[event["remote_port"]]
        print(f"\nsenders of one packet: {len(expected)}, events {len(events)}, right {right}, unknown {unknown}, "
              f"wrong {wrong}", flush=True)
        self.assertEqual((len(events), right, wrong), (len(expected), len(expected), 0))

    def test_processes_that_live_for_one_packet(self):
        net.load_rules(RULES)
        ports = range(7000, 7000 + COUNT)
        kinds = [(python_once, "udp", PEER), (bash_once, "udp", PEER), (python_once, "udp", PEER6), (python_once, "tcp", PEER)]
        wishes = {}
        for port in ports:
            make, kind, address = kinds[port % len(kinds)]
            wishes[port] = make(kind, address, port)
        self.check(wishes)

    def test_drops_of_rules_that_do_not_log(self):
        net.load_rules(SILENT_RULES)
        net.run(PROGRAM, "firewall-log", "enable", "--apply")
        self.check({port: bash_once("udp", PEER, port) for port in range(7000, 7000 + COUNT)})

    def test_repeats_have_their_sender_too(self):
        net.load_rules(RULES)
        server = self.following()
        process = subprocess.Popen([PYTHON, "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(5):
    try: s.sendto(b"x", ("{PEER}", 7000))
    except OSError: pass
"""])
        process.wait()
        eventually(lambda: server.get("/api/v1/sources")["sources"][0]["folded"] == 4)
        self.assertEqual(server.stop()[0], 0)
        server = self.following()
        events = server.get("/api/v1/events?include=raw")["events"]
        self.assertEqual([e["process_id"] for e in events], [process.pid] * 2)
        self.assertEqual({e["application"] for e in events}, {PYTHON})


if __name__ == "__main__":
    if os.geteuid() != 0:
        net.skip("only root may load a program into the kernel")
    net.enter_own_namespace([["--net"]])
    checks = json.loads(subprocess.run([PROGRAM, "self-test", "--json"], capture_output=True, check=False).stdout)["checks"]
    found = next(check["found"] for check in checks if check["name"] == "senders")
    if found != TOLD:
        net.skip(found)
    unittest.main(argv=[sys.argv[0]], verbosity=2)
