"""Real packets that a real firewall drops, and what blockwatchd makes of them: nflog_test.py PROGRAM FLOOD"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import nflog_namespaces as net
from blockwatch_server import Server, eventually
from nflog_namespaces import BEHIND, OURS, OURS6, PEER, PEER6

PROGRAM, FLOOD = sys.argv[1], sys.argv[2]
SENDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "send_packets.py")
SOURCE = "nflog:8470"

RULES = """
table inet guard {
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "lo" accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } accept
    tcp dport 9000-9999 log prefix "in-tcp " group 8470 drop
    udp dport 9000-9999 log prefix "in-udp " group 8470 drop
    meta l4proto sctp log prefix "in-sctp " group 8470 drop
    icmp type echo-request log prefix "in-ping " group 8470 drop
    icmpv6 type echo-request log prefix "in-ping6 " group 8470 drop
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    log prefix "through " group 8470 drop
  }
  chain output {
    type filter hook output priority 0; policy accept;
    oifname "lo" accept
    tcp dport 7000-7999 log prefix "out-tcp " group 8470 drop
    udp dport 7000-7999 log prefix "out-udp " group 8470 reject
    icmp type echo-request log prefix "out-ping " group 8470 drop
    icmpv6 type echo-request log prefix "out-ping6 " group 8470 drop
    udp dport 6000 log prefix "out-let " group 8470 accept
  }
}
"""
FLOOD_RULES = """
table inet guard {
  chain input {
    type filter hook input priority 0; policy accept;
    udp dport 9000-9999 counter log prefix "flood " group 8470 drop
  }
}
"""

DEFAULT_RULES = """
table inet guard {
  chain refuse {
    log prefix "some " group 8470 drop
  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "lo" accept
    meta nfproto ipv6 accept
    udp dport 9002 jump refuse
    log prefix "all " group 8470 drop
  }
}
"""

SILENT_RULES = """
table inet guard {
  chain input {
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    meta nfproto ipv6 accept
    tcp dport 9000-9999 drop comment "no test ports"
  }
}
"""


class NflogTest(net.NamespaceTest):
    def setUp(self):
        super().setUp()
        net.load_rules(RULES)

    def server(self, *options, source=SOURCE, before=()):
        program = PROGRAM
        if before:
            program = os.path.join(self.folder, "program")
            with open(program, "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\nexec {" ".join(before)} {PROGRAM} "$@"\n')
            os.chmod(program, 0o755)
        server = Server(program, self.folder, "--source", source, *options)
        self.addCleanup(server.__exit__)
        return server

    def following(self, *options):
        server = self.server(*options)
        self.assertTrue(eventually(lambda: self.state(server)["state"] == "following"), self.log())
        return server

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as file:
            return file.read()

    @staticmethod
    def state(server):
        return server.get("/api/v1/sources")["sources"][0]

    @staticmethod
    def events(server, filters=""):
        return server.get(f"/api/v1/events?limit=1000&order=asc&{filters}")["events"]

    def expect_rows(self, server, count, filters=""):
        eventually(lambda: len(self.events(server, filters)) >= count, 10)
        events = self.events(server, filters)
        self.assertEqual(len(events), count, json.dumps(events, indent=1)[:4000])
        return events

    def send_from_peer(self, *wishes):
        self.peer.run(sys.executable, SENDER, json.dumps(wishes))

    @staticmethod
    def send_from_us(*wishes):
        net.run(sys.executable, SENDER, json.dumps(wishes))

    # What is dropped is told.

    def test_every_dropped_packet_is_there_with_its_fields(self):
        server = self.following()
        into = [("tcp", OURS, 9001), ("tcp", OURS6, 9002), ("udp", OURS, 9003), ("udp", OURS6, 9004),
                ("large", OURS, 9005), ("udp-options", OURS6, 9006), ("sctp", OURS, 9007), ("ack", OURS, 9008),
                ("ping", OURS, 0), ("ping", OURS6, 0), ("udp", BEHIND, 53)]
        out = [("tcp", PEER, 7001), ("tcp", PEER6, 7002), ("udp", PEER, 7003), ("udp", PEER6, 7004),
               ("ping", PEER, 0), ("ping", PEER6, 0)]
        self.send_from_peer(*into)
        self.send_from_us(*out)
        found = {}
        handles = net.handles()
        for event in self.expect_rows(server, len(into) + len(out)):
            local = (event["local_address"], event["local_port"])
            remote = (event["remote_address"], event["remote_port"])
            service = local if event["direction"] == "inbound" else remote
            found[(event["direction"], event["protocol_name"], *service)] = event
            self.assertEqual(event["filter_id"], handles[event["filter_name"]])
            self.assertEqual(event["source"], SOURCE)
        words = {"ack": "tcp", "large": "udp", "udp-options": "udp"}
        for direction, wishes, far in (("inbound", into, (PEER, PEER6)), ("outbound", out, (OURS, OURS6))):
            for kind, address, port in wishes:
                protocol = words.get(kind, kind)
                prefix = f"{direction[:-5]}-{protocol} "
                if kind == "ping":
                    protocol, port = ("ipv6-icmp", None) if ":" in address else ("icmp", None)
                    prefix = prefix.strip() + ("6 " if ":" in address else " ")
                where, rule = direction, f"inet guard {'input' if direction == 'inbound' else 'output'}"
                if address == BEHIND:
                    where, prefix, rule = "forward", "through ", "inet guard forward"
                event = found.pop((where, protocol, address, port))
                self.assertEqual(event["filter_name"], prefix)
                self.assertEqual(event["filter_origin"], rule)
                self.assertEqual(event["reason"], "rule")
                self.assertEqual((event["event_id"], event["action"]), (5152, "drop") if kind == "ack" else (5157, "block"))
                other = event["remote_address"] if where == "inbound" else event["local_address"]
                self.assertIn(other, far if where != "forward" else (PEER,))
                self.assertEqual(event["icmp_type"], {"icmp": 8, "ipv6-icmp": 128}.get(protocol))
                if where == "outbound":
                    self.assertEqual(event["user"], "0")
                if kind != "ping":
                    self.assertIsNotNone(event["local_port"])
                    self.assertIsNotNone(event["remote_port"])
                self.assertGreater(event["interface_index"], 0)
        self.assertEqual(found, {})
        state = self.state(server)
        self.assertEqual((state["stored"], state["folded"], state["lost"], state["damaged"]),
                         (len(into) + len(out), 0, 0, 0))
        one = server.get(f"/api/v1/events/{self.events(server, 'protocol=sctp')[0]['id']}")
        self.assertIn("Netfilter blocked an inbound sctp connection", one["explanation"]["summary"])
        self.assertEqual(one["explanation"]["reason"], "rule")

    def test_the_process_of_a_sender_that_lives_and_of_a_listener(self):
        server = self.following()
        ports = range(7100, 7120)
        wishes = json.dumps([["udp", PEER, port] for port in ports] + [["udp", PEER6, port] for port in ports])
        sender = subprocess.Popen([sys.executable, SENDER, wishes, "stay"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        sender.stdin.write("go\n")
        sender.stdin.flush()
        sender.stdout.readline()
        sent = self.expect_rows(server, 40, "direction=outbound")
        for event in sent:
            self.assertEqual(event["process_id"], sender.pid)
            self.assertEqual(event["application"], os.path.realpath(sys.executable))
        sender.communicate()
        listener = subprocess.Popen(
            [sys.executable, "-c",
             "import socket,sys\na=socket.create_server(('', 9100))\nb=socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
             "b.bind(('', 9101))\nprint('ready', flush=True)\nsys.stdin.read()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        listener.stdout.readline()
        time.sleep(0.1)  # processes are looked at again after a pause
        self.send_from_peer(("tcp", OURS, 9100), ("udp", OURS, 9101), ("udp", OURS, 9102))
        received = {e["local_port"]: e for e in self.expect_rows(server, 3, "direction=inbound")}
        listener.communicate()
        self.assertEqual([received[p]["process_id"] for p in (9100, 9101, 9102)], [listener.pid, listener.pid, None])
        raw = server.get(f"/api/v1/events/{received[9102]['id']}")["raw"]
        self.assertEqual(raw["blockwatch.process"], "no listener")
        # A sender that is gone is not guessed.
        for port in range(7200, 7205):
            self.send_from_us(("udp", PEER, port))
        for event in self.expect_rows(server, 5, "remote_port=7200-7204&include=raw"):
            self.assertTrue(event["process_id"] is not None or event["raw"]["blockwatch.process"] in ("gone", "not asked"))
            self.assertEqual(event["user"], "0")

    def test_repeats_are_counted_and_told_of_together(self):
        server = self.following()
        wishes = json.dumps([["udp", PEER, 7300]])
        net.run(sys.executable, SENDER, wishes, "stay", stdin="go\n" * 50)
        self.assertTrue(eventually(lambda: self.state(server)["folded"] == 49, 10))
        self.expect_rows(server, 1)
        self.assertEqual(server.stop()[0], 0)
        server = self.following()
        first, second = self.expect_rows(server, 2, "include=raw")
        self.assertEqual((first["event_id"], second["event_id"]), (5157, 5152))
        self.assertEqual(second["raw"]["blockwatch.packets"], "49")
        state = self.state(server)
        self.assertEqual((state["stored"], state["folded"], state["lost"]), (2, 48, 0))

    def test_the_policy_decides_what_is_recorded(self):
        policy = os.path.join(self.folder, "audit-policy.csv")
        server = self.following()
        with open(policy, encoding="ascii") as file:
            self.assertIn("Filtering Platform Connection", file.read())
        audit = [PROGRAM, "audit", "set", "--db", server.db]
        drops, blocks = "filtering-platform-packet-drop", "filtering-platform-connection"
        net.run(*audit, drops, "--failure", "off")
        time.sleep(1.5)  # it is asked every second
        self.send_from_peer(("ack", OURS, 9008), ("udp", OURS, 9009))
        self.assertEqual(self.expect_rows(server, 1)[0]["local_port"], 9009)
        self.assertTrue(eventually(lambda: self.state(server)["ignored"] == 1, 10))
        net.run(*audit, blocks, "--failure", "off", "--success", "on")
        time.sleep(1.5)
        self.send_from_peer(("udp", OURS, 9010))
        self.send_from_us(("udp", PEER, 6000))  # its rule logs, and accepts
        self.assertTrue(eventually(lambda: self.state(server)["ignored"] == 3, 10), self.state(server))
        self.expect_rows(server, 1)
        server.stop()
        server = self.following("--record", "block,drop,permit")
        self.send_from_us(("udp", PEER, 6000))
        event = self.expect_rows(server, 2)[1]
        self.assertEqual((event["event_id"], event["action"], event["filter_name"]), (5156, "permit", "out-let "))

    # What goes wrong is told.

    def test_rules_that_are_loaded_anew_are_read_anew(self):
        server = self.following()
        self.send_from_peer(("udp", OURS, 9001))
        before = self.expect_rows(server, 1)[0]["filter_id"]
        self.assertEqual(before, net.handles()["in-udp "])
        net.load_rules(FLOOD_RULES)
        time.sleep(1.1)
        self.send_from_peer(("udp", OURS, 9001))
        event = self.expect_rows(server, 2)[1]
        self.assertEqual((event["filter_name"], event["filter_id"]), ("flood ", net.handles()["flood "]))
        self.assertEqual(self.state(server)["lost"], 0)

    def test_a_rule_for_all_the_rest_is_the_default(self):
        net.load_rules(DEFAULT_RULES)
        server = self.following()
        self.send_from_peer(("udp", OURS, 9001), ("udp", OURS, 9002))
        events = {e["local_port"]: e for e in self.expect_rows(server, 2)}
        self.assertEqual([events[9001][k] for k in ("reason", "filter_origin")], ["default-inbound", "Default Inbound"])
        self.assertEqual([events[9002][k] for k in ("reason", "filter_origin")], ["rule", "inet guard refuse"])

    def test_copies_of_rules_that_do_not_log_tell_of_these(self):
        net.load_rules(SILENT_RULES)
        rules = json.loads(net.run("nft", "-j", "list", "ruleset"))["nftables"]
        handle, = [item["rule"]["handle"] for item in rules if item.get("rule", {}).get("comment")]
        net.run(PROGRAM, "firewall-log", "enable", "--apply")
        server = self.following()
        self.send_from_peer(("tcp", OURS, 9001), ("udp", OURS, 9002))
        blocked, refused = (self.expect_rows(server, 1, f"local_port={port}")[0] for port in (9001, 9002))
        fields = ("event_id", "filter_id", "filter_origin", "reason")
        self.assertEqual([blocked[f] for f in fields], [5157, handle, "inet guard input", "rule"])
        self.assertEqual([refused[f] for f in fields], [5157, None, "Default Inbound", "default-inbound"])

    def test_a_group_has_one_listener_and_the_second_is_told(self):
        self.following()
        other = tempfile.mkdtemp(dir=self.folder)
        with Server(PROGRAM, other, "--source", SOURCE) as second:
            self.assertTrue(eventually(lambda: self.state(second)["last_error"]))
            self.assertIn("another program listens to the group 8470", self.state(second)["last_error"])
            self.assertEqual(second.request("/health/ready")[0], 503)
            second.stop()
        with Server(PROGRAM, other, "--source", "auto") as third:
            self.assertEqual([s["state"] for s in third.get("/api/v1/sources")["sources"]], ["finished"])
            third.stop()
        with open(os.path.join(other, "log"), encoding="utf-8") as file:
            self.assertIn("auto: no live source: another program listens", file.read())

    def test_without_the_right_it_says_so(self):
        without = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
        server = self.server(before=without)
        self.assertTrue(eventually(lambda: self.state(server)["last_error"]))
        self.assertIn("CAP_NET_ADMIN is needed", self.state(server)["last_error"])
        server.stop()
        server = self.server(source="auto", before=without)
        self.assertIn("auto: no live source: no right to read", self.log())

    def test_auto_listens_where_it_may(self):
        net.run("nft", "flush", "ruleset")
        server = self.server(source="auto")
        state = eventually(lambda: self.state(server)["last_error"] and self.state(server))
        self.assertEqual((state["name"], state["state"]), (SOURCE, "following"))
        self.assertIn("no rule of nftables logs to the group 8470", state["last_error"])
        net.load_rules(RULES)
        self.send_from_peer(("udp", OURS, 9001))
        self.expect_rows(server, 1)

    def test_a_restart_tells_when_nobody_listened(self):
        server = self.following()
        self.send_from_peer(("udp", OURS, 9001))
        self.expect_rows(server, 1)
        server.stop()
        self.send_from_peer(("udp", OURS, 9002))  # nobody will know of it
        server = self.following()
        self.send_from_peer(("udp", OURS, 9003))
        self.assertEqual([e["local_port"] for e in self.expect_rows(server, 2)], [9001, 9003])
        facts = server.get("/api/v1/coverage")["facts"]
        self.assertEqual([f["kind"] for f in facts], ["records-missing"])
        server.process.kill()
        server.process.wait()
        server = self.following()
        self.assertTrue(eventually(lambda: len(server.get("/api/v1/coverage")["facts"]) == 2, 10))

    # Floods

    def flood(self, ports, sockets, seconds, held_up=False):
        """200,000 packets a second: met by the rule is stored + folded + lost. Gives what was lost."""
        net.load_rules(FLOOD_RULES)
        server = self.following()
        if held_up:
            server.process.send_signal(signal.SIGSTOP)
        sent, took = self.peer.run(FLOOD, OURS, "9000", str(ports), str(sockets), "200000", str(seconds)).split()
        server.process.send_signal(signal.SIGCONT)

        def sum_up():
            state = self.state(server)
            return state["stored"], state["folded"], state["lost"]

        def all_is_told():
            # The number of the next one tells what is missing before it, once there is room for it.
            self.send_from_peer(("udp", OURS, 9000))
            return eventually(lambda: sum(sum_up()) == net.counted(), 3)

        whole = any(all_is_told() for _ in range(20))
        met = net.counted()
        stored, folded, lost = sum_up()
        print(f"\nflood of {ports * sockets} flows: sent {sent} in {took} s, met by the rule {met}, stored {stored}, "
              f"folded {folded}, lost {lost}, unaccounted {met - stored - folded - lost}", flush=True)
        self.assertTrue(whole)
        facts = server.get("/api/v1/coverage")["facts"]
        self.assertEqual(sum(f["missing_records"] for f in facts if f["kind"] == "records-dropped"), lost)
        self.assertEqual(server.stop()[0], 0)
        server = self.following()
        self.assertEqual(sum(sum_up()), met)
        self.assertEqual(server.rows(), sum_up()[0])
        return lost

    def test_a_flood_of_few_flows_is_counted_exactly(self):
        self.flood(ports=100, sockets=10, seconds=5)

    def test_a_flood_of_many_flows_is_counted_exactly(self):
        self.flood(ports=1000, sockets=200, seconds=1)

    def test_what_a_held_up_program_misses_is_counted_exactly(self):
        self.assertGreater(self.flood(ports=100, sockets=10, seconds=1, held_up=True), 0)


if __name__ == "__main__":
    net.enter_own_namespace()
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
