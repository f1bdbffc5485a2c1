"""The live Security log: eventlog_test.py RUNNER PREFIX DLL.

The shipped program under Wine, with a double of wevtapi.dll (fake_wevtapi) where the system's own
would be. What it shows is that the program's calls fit together, not how a real Windows answers.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))
import blockwatch_server  # noqa: E402
from blockwatch_server import Server, eventually  # noqa: E402

blockwatch_server.STOP_SIGNAL = signal.SIGINT
RUNNER, PREFIX, DLL = sys.argv[1:4]
del sys.argv[1:4]


def block(n):
    return {"id": 5157, "data": {
        "ProcessID": ["u64", 4556],
        "Application": ["s", "\\device\\harddiskvolume2\\app.exe"],
        "Direction": ["s", "%%14593"],
        "SourceAddress": ["s", "192.168.1.20"], "SourcePort": ["s", str(1024 + n % 60000)],
        "DestAddress": ["s", "198.51.100.7"], "DestPort": ["s", "443"],
        "Protocol": ["u32", 6], "FilterRTID": ["u64", 70000],
        "LayerName": ["s", "%%14611"], "LayerRTID": ["u64", 48],
        "RemoteUserID": ["sid"], "RemoteMachineID": ["sid"]}}


CLEARED = {"id": 1102, "provider": "Microsoft-Windows-Eventlog",
           "user": {"LogFileCleared/SubjectUserName": ["s", "kim"]}}


def setUpModule():
    subprocess.run([RUNNER, "--version"], check=True, stdout=subprocess.DEVNULL)  # makes the prefix
    shutil.copy(DLL, Path(PREFIX) / "drive_c/windows/system32/wevtapi.dll")


class LiveLog(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.log = os.path.join(self.folder, "log.jsonl")
        os.environ["FAKE_EVENT_LOG"] = "Z:" + self.log.replace("/", "\\")
        self.write()

    def write(self, *lines):
        with open(self.log, "a", encoding="ascii") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))

    def server(self, *options):
        server = Server(RUNNER, self.folder, *options)
        self.addCleanup(server.__exit__)
        return server

    def stop(self, server):
        self.assertEqual(server.stop()[0], 0)

    def records(self, server):
        text = server.request("/api/v1/events?format=csv&fields=record_id&order=asc")[2]
        return [int(r) for r in text.split()[1:]]

    def source(self, server):
        return next(s for s in server.get("/api/v1/sources")["sources"]
                    if s["name"] == "windows:Security")

    def facts(self, server, kind):
        return [f for f in server.get("/api/v1/coverage")["facts"] if f["kind"] == kind]

    def test_reads_what_is_there_and_follows(self):
        self.write(*(block(n) for n in range(20_000)))
        server = self.server()  # `auto` means this source here
        self.assertTrue(eventually(lambda: server.rows() == 20_000, 120))
        self.write(*(block(n) for n in range(500)))
        self.assertTrue(eventually(lambda: server.rows() == 20_500))
        self.assertEqual(self.records(server), list(range(1, 20_501)))
        event = server.get("/api/v1/events?limit=1&include=raw")["events"][0]
        self.assertEqual(event["source"], "windows:Security")
        self.assertEqual(event["process_id"], 4556)
        self.assertEqual(event["remote_address"], "198.51.100.7")
        self.assertEqual(event["raw"]["RemoteUserID"], "S-1-0-0")
        self.assertEqual(self.source(server)["state"], "following")
        self.stop(server)

    def test_goes_on_after_a_restart_and_tells_what_was_overwritten(self):
        self.write(*(block(n) for n in range(10)))
        server = self.server("--source", "windows")
        self.assertTrue(eventually(lambda: server.rows() == 10))
        self.stop(server)
        self.write(*(block(n) for n in range(30)), {"do": "overwrite_below", "record": 31})
        server = self.server("--source", "windows")
        self.assertTrue(eventually(lambda: server.rows() == 20))
        self.assertEqual(self.records(server), [*range(1, 11), *range(31, 41)])
        hole, = self.facts(server, "records-missing")
        self.assertEqual((hole["first_record_id"], hole["last_record_id"]), (11, 30))
        self.stop(server)

    def test_survives_what_windows_does(self):
        self.write({"do": "largest_batch", "events": 30}, *(block(n) for n in range(200)))
        server = self.server("--source", "windows")
        self.assertTrue(eventually(lambda: server.rows() == 200))
        self.write({"do": "clear"}, CLEARED, block(0))
        self.assertTrue(eventually(lambda: server.rows() == 201))
        self.assertIn("kim", self.facts(server, "log-cleared")[0]["detail"])
        self.write({"do": "restart"}, block(1))
        self.assertTrue(eventually(lambda: server.rows() == 202))
        self.assertEqual(self.records(server), [*range(1, 201), 202, 203])
        self.assertEqual(self.facts(server, "records-missing"), [])
        self.stop(server)

    def test_says_which_right_is_missing_and_tries_again(self):
        self.write({"do": "fail", "function": "EvtSubscribe", "error": 5, "times": 2}, block(0))
        server = self.server("--source", "windows")
        self.assertTrue(eventually(
            lambda: "Event Log Readers" in (self.source(server)["last_error"] or "")))
        self.assertTrue(eventually(lambda: server.rows() == 1))
        self.assertTrue(eventually(lambda: self.facts(server, "source-down")[0]["end_time"]))
        self.stop(server)


if __name__ == "__main__":
    unittest.main(verbosity=2)
