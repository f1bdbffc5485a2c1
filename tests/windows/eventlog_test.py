"""The live Security log: eventlog_test.py RUNNER PREFIX DLL.

The shipped program under Wine, with a double of wevtapi.dll (fake_wevtapi) where the system's own
would be. What it shows is that the program's calls fit together, not how a real Windows answers.
"""

import datetime
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))
import blockwatch_server  # noqa: E402
from blockwatch_server import Server, eventually, sse_frames  # noqa: E402
from wine_doubles import install_doubles  # noqa: E402

blockwatch_server.STOP_SIGNAL = signal.SIGINT
blockwatch_server.SHOWS_TOKEN = True
RUNNER, PREFIX, DLL = sys.argv[1:4]
del sys.argv[1:4]


def blocks(count):
    """So many blocked connections, each from another port."""
    return {"id": 5157, "repeat": count, "data": {
        "ProcessID": ["u64", 4556],
        "Application": ["s", "\\device\\harddiskvolume2\\app.exe"],
        "Direction": ["s", "%%14593"],
        "SourceAddress": ["s", "192.168.1.20"], "SourcePort": ["port"],
        "DestAddress": ["s", "198.51.100.7"], "DestPort": ["s", "443"],
        "Protocol": ["u32", 6], "FilterRTID": ["u64", 70000],
        "LayerName": ["s", "%%14611"], "LayerRTID": ["u64", 48],
        "RemoteUserID": ["sid"], "RemoteMachineID": ["sid"]}}


CLEARED = {"id": 1102, "provider": "Microsoft-Windows-Eventlog",
           "user": {"LogFileCleared/SubjectUserName": ["s", "kim"]}}


def setUpModule():
    subprocess.run([RUNNER, "--version"], check=True, stdout=subprocess.DEVNULL)  # makes the prefix
    install_doubles(PREFIX, DLL)


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
        count, live = 100_000, 2_000
        self.write(blocks(count))
        server = self.server()  # `auto` means this source here
        start = time.monotonic()
        self.assertTrue(eventually(lambda: server.rows() == count, 120))
        print(f"back-fill: {count / (time.monotonic() - start):.0f} events/s")
        self.follow(server, count, live)
        self.assertEqual(self.records(server), list(range(1, count + live + 1)))
        event = json.loads(server.curl("/api/v1/events?limit=1&include=raw"))["events"][0]
        self.assertEqual(event["source"], "windows:Security")
        self.assertEqual(event["process_id"], 4556)
        self.assertEqual(event["remote_address"], "198.51.100.7")
        self.assertEqual(event["raw"]["RemoteUserID"], "S-1-0-0")
        self.assertEqual(self.source(server)["state"], "following")
        self.stop(server)

    def follow(self, server, behind, count):
        """Takes so many live events from a stream, at 500/s; prints how long each was under way."""
        stream = server.stream(f"/api/v1/events/stream?after={behind}&fields=record_id,time")

        def feed():
            for _ in range(count // 25):
                self.write(blocks(25))
                time.sleep(0.05)

        feeder = threading.Thread(target=feed)
        feeder.start()
        seen, took = [], []
        for _, _, data in itertools.islice(sse_frames(stream), count):
            now = time.time()
            event = json.loads(data)
            seen.append(event["record_id"])
            written = datetime.datetime.fromisoformat(event["time"][:26] + "+00:00")
            took.append(1000 * (now - written.timestamp()))
        feeder.join()
        stream.close()
        self.assertEqual(seen, list(range(behind + 1, behind + count + 1)))
        took.sort()
        p50, p99 = took[count // 2], took[count * 99 // 100]
        print(f"from record to stream: p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        self.assertLess(p99, 2000)

    # 1168: sdk-api, winevt/ne-winevt-evt_subscribe_flags.md.
    def test_goes_on_after_a_restart_and_tells_what_was_overwritten(self):
        self.write(blocks(10))
        server = self.server("--source", "windows")
        self.assertTrue(eventually(lambda: server.rows() == 10))
        self.stop(server)
        self.write(blocks(30), {"do": "overwrite_below", "record": 31})
        server = self.server("--source", "windows")
        self.assertTrue(eventually(lambda: server.rows() == 20))
        self.assertEqual(self.records(server), [*range(1, 11), *range(31, 41)])
        hole, = self.facts(server, "records-missing")
        self.assertEqual((hole["first_record_id"], hole["last_record_id"]), (11, 30))
        self.stop(server)

    # 1734 with the position moved: elastic/beats#3112, osquery/osquery#6660. 15011 after a clear or
    # when the log rolled over: win32, WES/windows-event-log-error-constants.md. 6 after a restart of the
    # service: wazuh/wazuh#3836.
    def test_survives_what_windows_does(self):
        self.write({"do": "largest_batch", "events": 30}, blocks(200))
        server = self.server("--source", "windows")
        self.assertTrue(eventually(lambda: server.rows() == 200))
        self.write({"do": "clear"}, CLEARED, blocks(1))
        self.assertTrue(eventually(lambda: server.rows() == 201))
        self.assertIn("kim", self.facts(server, "log-cleared")[0]["detail"])
        self.write({"do": "restart"}, blocks(1))
        self.assertTrue(eventually(lambda: server.rows() == 202))
        self.assertEqual(self.records(server), [*range(1, 201), 202, 203])
        self.assertEqual(self.facts(server, "records-missing"), [])
        # 20 records, of which the log has overwritten 10 before anybody could take them.
        self.write(blocks(20), {"do": "overwrite_below", "record": 214})
        self.assertTrue(eventually(lambda: server.rows() == 212))
        self.assertEqual(self.records(server), [*range(1, 201), 202, 203, *range(214, 224)])
        hole, = self.facts(server, "records-missing")
        self.assertEqual((hole["first_record_id"], hole["last_record_id"]), (204, 213))
        self.stop(server)

    # Errors: sdk-api, winevt/nf-winevt-evtsubscribe.md (5, 15007) and nf-winevt-evtopenlog.md; a
    # service that is down: RPC_S_SERVER_UNAVAILABLE (1722), DataDog/integrations-core#12925.
    def test_says_what_is_missing_and_tries_again(self):
        for function, error, said in (("EvtSubscribe", 5, "Event Log Readers"),
                                      ("EvtSubscribe", 15007, "no channel Security"),
                                      ("EvtOpenLog", 1722, "service does not answer")):
            with self.subTest(error=error):
                self.setUp()
                self.write({"do": "fail", "function": function, "error": error, "times": 2},
                           blocks(1))
                server = self.server("--source", "windows")
                self.assertTrue(eventually(
                    lambda: said in (self.source(server)["last_error"] or "")))
                self.assertTrue(eventually(lambda: server.rows() == 1))
                self.assertTrue(eventually(
                    lambda: self.facts(server, "source-down")[0]["end_time"]))
                self.stop(server)


if __name__ == "__main__":
    unittest.main(verbosity=2)
