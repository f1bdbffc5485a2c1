"""blockwatchd.exe as its users run it, under Wine: program_test.py RUNNER DEMO_LOG.

All of tests/integration, and what is particular to Windows.
"""

import os
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import blockwatch_server  # noqa: E402
import daemon_test  # noqa: E402
from blockwatch_server import eventually, rendered_events, sse_frames  # noqa: E402

# Wine makes a Ctrl+C of it. SIGTERM is to Wine what ending a task is to Windows: nobody is asked.
blockwatch_server.STOP_SIGNAL = signal.SIGINT
blockwatch_server.SHOWS_TOKEN = True
# Wine makes a mode of an access list; administrators are its group.
OTHERS = 0o007
PROGRAM_DATA = Path(daemon_test.PROGRAM).parent / "wine/drive_c/ProgramData/Blockwatch"


class WindowsTest(daemon_test.DaemonTest):
    def stop(self, server):
        code, seconds = server.stop()
        self.assertEqual(code, 0)
        self.assertLess(seconds, 5)

    # Instead of the ones of tests/integration that send SIGTERM or set limits of Linux; see README.md.

    def test_stops_within_five_seconds_on_either_signal(self):
        server = self.server("--source", "none")
        stream = server.stream("/api/v1/events/stream")
        self.assertTrue(stream.recv(1))
        self.stop(server)
        stream.close()

    # Names and text

    def test_it_says_its_version_and_helps(self):
        done = self.run_program("--version")
        self.assertRegex(done.stdout, r"^\d+\.\d+\.\d+\n$")
        self.assertIn("--listen", self.run_program("--help").stdout)

    def test_names_may_be_in_any_language(self):
        folder = os.path.join(self.folder, "журнал 事件 ✓")
        os.mkdir(folder)
        log = self.write("журнал 事件 ✓/ёж.xml", rendered_events(1, 20))
        db = os.path.join(folder, "база.db")
        done = self.run_program("import", "--db", db, log)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("ёж.xml", done.stdout)
        self.assertTrue(os.path.exists(db))
        done = self.run_program("query", "--db", db, "source=xml:ёж.xml", "limit=1")
        self.assertIn('"source":"xml:ёж.xml"', done.stdout)
        server = self.server("--source", f"dir:{folder}")
        self.assertTrue(eventually(lambda: server.rows() == 20))
        self.stop(server)

    def test_patterns_of_names_are_expanded(self):
        for name, first in (("b ж.xml", 11), ("a.xml", 1)):
            self.write(name, rendered_events(first, first + 9))
        os.mkdir(os.path.join(self.folder, "folder.xml"))
        _, files, _ = self.import_report(os.path.join(self.folder, "?*.xml"))
        self.assertEqual([os.path.basename(f["file"].replace("\\", "/")) for f in files],
                         ["a.xml", "b ж.xml"])
        self.assertEqual([f["stored"] for f in files], [10, 10])
        done = self.run_program("import", "--db", os.path.join(self.folder, "test.db"), "no*.xml")
        self.assertIn("no*.xml: ", done.stderr)

    def test_exports_have_the_bytes_that_the_server_sends(self):
        self.import_report(self.write("a.xml", rendered_events(1, 5)))
        db = os.path.join(self.folder, "test.db")
        server = self.server("--source", "none")
        for form in ("csv", "ndjson"):
            by_command = subprocess.run(
                [daemon_test.PROGRAM, "query", "--db", db, f"format={form}"],
                capture_output=True, check=True).stdout
            by_server = server.request(f"/api/v1/events?format={form}")[2]
            self.assertEqual(by_command, by_server)

    # Life

    def test_curl_is_answered(self):
        server = self.server("--source", f"demo:{daemon_test.DEMO_LOG}")
        self.assertTrue(eventually(lambda: server.rows() > 10))

        self.assertIn('"direction":"inbound"', server.curl("/api/v1/events?direction=inbound&limit=1"))
        self.assertIn('"by":"application_name"', server.curl("/api/v1/stats/top?by=application_name"))
        self.assertIn("event: block", server.curl("/api/v1/events/stream?after=0", "-N", "-m", "2"))
        self.assertIn("openapi:", server.curl("/openapi.yaml"))

    def test_it_stops_while_a_pipe_is_silent(self):
        server = self.server("--source", "stdin:jsonl", stdin=subprocess.PIPE)
        self.assertTrue(eventually(
            lambda: server.get("/api/v1/sources")["sources"][0]["state"] == "following"))
        self.stop(server)

    def test_a_stop_in_the_middle_of_an_import_loses_and_doubles_nothing(self):
        count = 50_000
        drop = os.path.join(self.folder, "drop")
        os.mkdir(drop)
        self.write("drop/a.xml", rendered_events(1, count))
        server = self.server("--source", f"dir:{drop}")
        self.assertTrue(eventually(lambda: server.rows() > 0))
        connection = server.stream("/api/v1/events/stream?after=0")
        next(sse_frames(connection))
        self.stop(server)
        connection.close()
        server = self.server("--source", f"dir:{drop}")
        self.assertTrue(eventually(lambda: server.rows() == count, 120))
        records = server.request("/api/v1/events?format=csv&fields=record_id&order=asc")[2].split()
        self.assertEqual([int(r) for r in records[1:]], list(range(1, count + 1)))

    # Folders and rights

    def test_an_administrators_data_is_in_program_data(self):
        shutil.rmtree(PROGRAM_DATA, ignore_errors=True)
        self.addCleanup(shutil.rmtree, PROGRAM_DATA)
        done = self.run_program("import", self.write("a.xml", rendered_events(1, 3)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((PROGRAM_DATA / "blockwatch.db").exists())
        self.assertEqual(PROGRAM_DATA.stat().st_mode & OTHERS, 0)

    def test_tokens_are_for_their_owner(self):
        self.token()
        mode = os.stat(os.path.join(self.folder, "tokens.json")).st_mode
        self.assertEqual(mode & OTHERS, 0)

    def test_tokens_that_others_can_read_are_refused(self):
        self.token()
        path = os.path.join(self.folder, "tokens.json")
        for mode in (0o604, 0o602):
            os.chmod(path, mode)
            done = self.run_program("token", "list", "--db", os.path.join(self.folder, "test.db"))
            self.assertEqual(done.returncode, 1, oct(mode))
            self.assertIn("may read or change it", done.stderr)

    def test_a_revoked_token_is_refused_at_once(self):
        server = self.server("--source", "none", "--require-token")
        db = os.path.join(self.folder, "test.db")

        def change(*arguments):
            done = self.run_program("token", *arguments, "--db", db)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout.strip()

        for name in ("a", "b", "c"):
            headers = {"Authorization": "Bearer " + change("create", "--name", name, "--scope", "read")}
            self.assertEqual(server.request("/api/v1/events", headers=headers)[0], 200)
            change("revoke", name)
            self.assertEqual(server.request("/api/v1/events", headers=headers)[0], 401)


if __name__ == "__main__":
    unittest.main(verbosity=2)
