"""Net events and the self-test: netevent_test.py RUNNER PREFIX FWPUCLNT OLD_FWPUCLNT WEVTAPI.

The shipped program under Wine, with doubles of fwpuclnt.dll (fake_net_events.cpp; the old one has what Windows 7 has) and
wevtapi.dll. What it shows is that the program's calls fit together, not how a real Windows answers.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))
import blockwatch_server  # noqa: E402
from blockwatch_server import Server, eventually  # noqa: E402

blockwatch_server.STOP_SIGNAL = signal.SIGINT
blockwatch_server.SHOWS_TOKEN = True
RUNNER, PREFIX, FWPUCLNT, OLD_FWPUCLNT, WEVTAPI = sys.argv[1:6]
del sys.argv[1:6]
SYSTEM32 = Path(PREFIX) / "drive_c/windows/system32"

T0 = 133_800_000_000_000_000  # FILETIME of some day in 2024
RPC_S_SERVER_UNAVAILABLE = 1722


def windows_path(path):
    return "Z:" + path.replace("/", "\\")


def setUpModule():
    subprocess.run([RUNNER, "--version"], check=True, stdout=subprocess.DEVNULL)  # makes the prefix
    shutil.copy(WEVTAPI, SYSTEM32 / "wevtapi.dll")


class Doubles(unittest.TestCase):
    def setUp(self):
        shutil.copy(FWPUCLNT, SYSTEM32 / "fwpuclnt.dll")
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.files = {}
        for name in ("FAKE_NET_EVENTS", "FAKE_FWPUCLNT", "FAKE_EVENT_LOG"):
            self.files[name] = os.path.join(self.folder, name)
            os.environ[name] = windows_path(self.files[name])
            self.write(name)
        self.write("FAKE_FWPUCLNT", "filter\t70001\tBlock it\t-")

    def write(self, name, *lines, mode="a"):
        with open(self.files[name], mode, encoding="ascii") as file:
            file.write("".join(line + "\n" for line in lines))

    def happen(self, *lines):
        self.write("FAKE_NET_EVENTS", *lines)


class NetEvents(Doubles):
    def server(self, *options):
        server = Server(RUNNER, self.folder, "--source", "netevent", *options)
        self.addCleanup(server.__exit__)
        return server

    def stop(self, server):
        self.assertEqual(server.stop()[0], 0)

    def ports(self, server):
        text = server.request("/api/v1/events?format=csv&fields=remote_port&order=asc")[2]
        return [int(port) for port in text.split()[1:]]

    def source(self, server):
        return server.get("/api/v1/sources")["sources"][0]

    def facts(self, server, kind):
        return [f for f in server.get("/api/v1/coverage")["facts"] if f["kind"] == kind]

    def test_in_order_what_is_held_and_what_comes(self):
        self.happen(f"drop {T0} 100 1")
        server = self.server()
        self.assertTrue(eventually(lambda: server.rows() == 100))
        self.happen(f"drop {T0 + 1000} 400 101", f"other {T0 + 2000} 5 1")
        self.assertTrue(eventually(lambda: server.rows() == 500))
        self.assertEqual(self.ports(server), list(range(1, 501)))
        event = server.get("/api/v1/events?limit=1&order=asc&include=raw")["events"][0]
        expected = {
            "source": "netevent", "event_id": 5157, "action": "block", "direction": "outbound",
            "protocol": 6, "local_address": "192.168.1.20", "local_port": 50000,
            "remote_address": "198.51.100.7", "remote_port": 1, "record_id": None,
            "process_id": None, "application": "\\device\\harddiskvolume9\\app.exe",
            "application_name": "app.exe", "user": "S-1-5-18", "filter_id": 70001,
            "filter_name": None, "layer_id": 48, "layer": "connect", "interface_index": None}
        # Of before this Windows was started: its filters had other numbers then.
        self.assertEqual({key: event[key] for key in expected}, expected)
        self.assertEqual(event["raw"]["msFwpDirection"], str(0x3901))
        self.assertEqual(self.source(server)["state"], "following")
        self.stop(server)

    def test_ipv6_capabilities_and_names_of_now(self):
        server = self.server()
        self.assertTrue(eventually(lambda: self.source(server)["state"] == "following"))
        now = int((time.time() + 11_644_473_600) * 10_000_000)
        self.happen(f"drop6 {now} 1 80", f"capability {now + 5} 1 81")
        self.assertTrue(eventually(lambda: server.rows() == 2))
        v6, capability = server.get("/api/v1/events?order=asc")["events"]
        self.assertEqual((v6["local_address"], v6["remote_address"]), ("fe80::1", "2001:db8::7"))
        self.assertEqual((v6["layer"], v6["direction"]), ("receive-accept", "inbound"))
        self.assertEqual(v6["filter_name"], "Block it")
        self.assertEqual(capability["reason"], "app-container")
        self.stop(server)

    def test_nothing_twice_and_nothing_missing_over_a_restart(self):
        self.happen(f"drop {T0} 100 1")
        server = self.server()
        self.assertTrue(eventually(lambda: server.rows() == 100))
        self.stop(server)
        self.happen(f"drop {T0 + 1000} 100 101")  # the engine holds 150
        server = self.server()
        self.assertTrue(eventually(lambda: server.rows() == 200))
        self.happen(f"drop {T0 + 2000} 10 201")
        self.assertTrue(eventually(lambda: server.rows() == 210))
        self.assertEqual(self.ports(server), list(range(1, 211)))
        self.assertEqual(self.facts(server, "records-missing"), [])
        self.stop(server)
        self.happen(f"drop {T0 + 3000} 400 1000")
        server = self.server()
        self.assertTrue(eventually(lambda: server.rows() == 360))
        hole, = self.facts(server, "records-missing")
        self.assertIsNone(hole["missing_records"])
        self.stop(server)

    def test_a_flood_is_stored_or_counted(self):
        server = self.server()
        self.assertTrue(eventually(lambda: self.source(server)["state"] == "following"))
        self.happen(f"drop {T0} 300000 1")
        self.assertTrue(eventually(
            lambda: server.rows() + self.source(server)["lost"] == 300_000, 120))
        lost = self.source(server)["lost"]
        self.assertEqual(sum(f["missing_records"] for f in self.facts(server, "records-dropped")),
                         lost)
        self.assertGreater(lost, 0)  # more than the queue holds and the store takes meanwhile
        print(f"{300_000 - lost} stored, {lost} lost and counted")
        self.stop(server)

    def test_the_engine_restarts(self):
        self.happen(f"drop {T0} 3 1")
        server = self.server()
        self.assertTrue(eventually(lambda: server.rows() == 3))
        self.happen("restart", f"drop {T0 + 1000} 2 4")
        self.assertTrue(eventually(lambda: server.rows() == 5))
        self.assertEqual(self.ports(server), [1, 2, 3, 4, 5])
        self.assertIn(str(RPC_S_SERVER_UNAVAILABLE), self.source(server)["last_error"])
        down, = self.facts(server, "source-down")
        self.assertIsNotNone(down["end_time"])
        self.assertEqual(len(self.facts(server, "records-missing")), 1)
        self.stop(server)

    def test_says_what_is_wrong_and_tries_again(self):
        self.write("FAKE_FWPUCLNT", "error\tFwpmNetEventSubscribe\t5")
        server = self.server()
        self.assertTrue(eventually(
            lambda: "Network Configuration Operators" in (self.source(server)["last_error"] or "")))
        self.happen("collect 0", f"drop {T0} 1 7")
        self.write("FAKE_FWPUCLNT", mode="w")
        self.assertTrue(eventually(
            lambda: "netevents=on" in (self.source(server)["last_error"] or "")))
        self.happen("collect 1")
        self.assertTrue(eventually(lambda: server.rows() == 1))
        self.assertTrue(eventually(lambda: self.facts(server, "source-down")[0]["end_time"]))
        self.stop(server)

    def test_the_functions_of_windows_7_do(self):
        shutil.copy(OLD_FWPUCLNT, SYSTEM32 / "fwpuclnt.dll")
        self.happen(f"drop {T0} 10 1")
        server = self.server()
        self.assertTrue(eventually(lambda: server.rows() == 10))
        self.happen(f"drop {T0 + 1000} 10 11")
        self.assertTrue(eventually(lambda: server.rows() == 20))
        event = server.get("/api/v1/events?limit=1")["events"][0]
        self.assertEqual((event["remote_port"], event["layer_id"], event["user"]),
                         (20, 48, "S-1-5-18"))
        self.stop(server)


class SelfTest(Doubles):
    def run_it(self, *options):
        done = subprocess.run(
            [RUNNER, "self-test", "--db", os.path.join(self.folder, "test.db"), *options],
            stdout=subprocess.PIPE, timeout=120)
        return done.returncode, done.stdout.decode()

    def checks(self, *options):
        code, text = self.run_it("--json", *options)
        report = json.loads(text)
        self.assertEqual(code, 0 if report["ok"] else 1)
        return {check["name"]: check for check in report["checks"]}

    def block(self, source, dest, direction):
        return json.dumps({"id": 5157, "data": {
            "ProcessID": ["u64", 4], "Application": ["s", "System"], "Direction": ["s", direction],
            "SourceAddress": ["s", source], "SourcePort": ["s", "1"],
            "DestAddress": ["s", dest], "DestPort": ["s", "2"], "Protocol": ["u32", 6],
            "FilterRTID": ["u64", 70001], "LayerName": ["s", "%%14611"], "LayerRTID": ["u64", 48],
            "RemoteUserID": ["sid"], "RemoteMachineID": ["sid"]}})

    def test_names_everything_it_looks_at(self):
        self.write("FAKE_EVENT_LOG", self.block("127.0.0.1", "198.51.100.7", "%%14593"),
                   self.block("198.51.100.7", "127.0.0.1", "%%14592"))
        self.happen(f"drop {T0} 3 1", f"other {T0} 2 1")
        checks = self.checks()
        self.assertIn("administrator", checks["rights"]["found"])
        self.assertEqual(checks["channel"]["found"],
                         "the Security log can be opened; records 1 to 2")
        self.assertIn("5157 version 1 with 13 fields: 2", checks["shapes"]["found"])
        self.assertIn("5157 inbound: this computer is Source 0 times, Dest 1 times",
                      checks["orientation"]["found"])
        self.assertIn("5157 outbound: this computer is Source 1 times, Dest 0 times",
                      checks["orientation"]["found"])
        self.assertIn("1 of 1 filters", checks["filter-names"]["found"])
        self.assertIn("2 of type 0, 3 of type 3", checks["net-events"]["found"])
        for name in ("stored", "streamed"):
            self.assertEqual(checks[name]["verdict"], "ok")
            self.assertIsNotNone(checks[name]["ms"])
        self.assertNotIn("attempt", checks)

    def test_follows_an_attempt(self):
        checks = self.checks("--attempt")
        # Wine blocks nothing; the double writes what Windows would.
        self.assertEqual(checks["attempt"]["verdict"], "failed")
        self.assertIn("10061", checks["attempt"]["found"])
        for name in ("net-event", "written", "read", "stored", "streamed"):
            self.assertEqual(checks[name]["verdict"], "ok", checks)
        self.assertIn("names the filter", checks["written"]["found"])

    def test_says_which_right_is_missing(self):
        self.write("FAKE_EVENT_LOG",
                   '{"do":"fail","function":"EvtOpenLog","error":5,"times":99}')
        code, text = self.run_it()
        self.assertEqual(code, 1)
        self.assertRegex(text, r"(?m)^failed   channel: .*Event Log Readers")


if __name__ == "__main__":
    unittest.main(verbosity=2)
