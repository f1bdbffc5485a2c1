"""Backup, settings, retention and coverage of the program itself: what outlives a restart."""

import contextlib
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from blockwatch_server import Server, eventually, rendered_event, rendered_events, sse_frames

PROGRAM = sys.argv[1]
del sys.argv[1:2]


class KeepingTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "test.db")

    def server(self, *options, **how):
        server = Server(PROGRAM, self.folder, *options, **how)
        self.addCleanup(server.__exit__)
        return server

    def program(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def admin(self):
        token = self.program("token", "create", "--db", self.db, "--name", "admin", "--scope", "admin").stdout.strip()
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def fed(self, server, first, last):
        for n in range(first, last + 1):
            server.process.stdin.write(rendered_event(n))
        server.process.stdin.flush()

    # Backup

    def test_a_backup_of_a_writing_server_goes_on_in_its_place(self):
        log = os.path.join(self.folder, "log.xml")
        with open(log, "w", encoding="utf-8") as file:
            file.write(rendered_events(1, 3000))
        server = self.server("--source", "stdin:xml", stdin=subprocess.PIPE)
        feeder = threading.Thread(target=self.fed, args=(server, 1, 3000))
        feeder.start()
        self.assertTrue(eventually(lambda: server.rows() > 200))
        copy = os.path.join(self.folder, "copy.db")
        self.assertIn("checked", self.program("backup", "--db", self.db, copy).stdout)
        feeder.join()
        self.assertTrue(eventually(lambda: server.rows() == 3000))
        before = server.get("/api/v1/events?order=asc&limit=100")["events"]
        self.assertEqual(server.stop()[0], 0)
        self.assertEqual(os.stat(copy).st_mode & 0o777, 0o600)
        self.program("backup", "--db", self.db, copy, code=1)  # never overwritten

        restored = os.path.join(self.folder, "restored")
        os.mkdir(restored)
        for suffix in ("", ".audit"):
            shutil.copy(copy + suffix, os.path.join(restored, "test.db" + suffix))
        with sqlite3.connect(copy) as db:
            kept = db.execute("SELECT count(*), max(seq) FROM event").fetchone()
        self.assertEqual(kept[0], kept[1])
        again = Server(PROGRAM, restored, "--source", "none")
        self.addCleanup(again.__exit__)
        self.assertEqual(again.rows(), kept[0])
        self.assertEqual(again.get("/api/v1/events?order=asc&limit=100")["events"], before)
        self.assertEqual(again.stop()[0], 0)
        # The logs are read again: what is there is not stored again, what is missing is.
        done = self.program("import", "--json", "--db", os.path.join(restored, "test.db"), log)
        report = json.loads(done.stdout.splitlines()[0])
        self.assertEqual((report["stored"], report["duplicate"]), (3000 - kept[0], kept[0]))

    def test_a_backup_over_http_is_there_after_a_restart(self):
        server = self.server("--source", "none")
        admin = self.admin()
        status, headers, _ = server.request("/api/v1/backups", "POST", b'{"name": "one"}', admin)
        self.assertEqual(status, 202)
        self.assertTrue(eventually(lambda: server.get(headers["Location"])["state"] == "done"))
        self.assertEqual(server.stop()[0], 0)
        server = self.server("--source", "none")
        self.assertEqual([b["id"] for b in server.get("/api/v1/backups")["backups"]], ["one"])
        refused = server.request("/api/v1/backups", "POST", b"{}", {"Content-Type": "application/json"})
        self.assertEqual(refused[0], 401)
        self.assertEqual(os.stat(self.db + ".backups").st_mode & 0o777, 0o700)

    def shown_of_a_held_backup(self, copy):
        """What a backup writes to a terminal when it is held in the middle; None: it was done before that."""
        terminal, stderr = pty.openpty()
        self.addCleanup(os.close, terminal)
        program = subprocess.Popen([PROGRAM, "backup", "--db", self.db, copy], stdout=subprocess.PIPE, stderr=stderr)
        os.close(stderr)
        while not os.path.exists(copy + ".backup-part") and program.poll() is None:
            pass
        begun = time.monotonic()
        program.send_signal(signal.SIGSTOP)
        self.assertTrue(eventually(lambda: time.monotonic() > begun + 0.7))
        program.send_signal(signal.SIGCONT)
        self.assertIn(b"checked", program.communicate(timeout=60)[0])
        try:
            return os.read(terminal, 4096)
        except OSError:  # a terminal that nobody has open any more, without a word
            return None

    def test_a_backup_tells_a_terminal_how_far_it_is(self):
        self.filled(40_000)
        copies = (os.path.join(self.folder, f"copy{number}.db") for number in range(30))
        # Short work shows nothing: held in the middle it is long.
        shown = next(filter(None, map(self.shown_of_a_held_backup, copies)))
        self.assertRegex(shown, rb"copy\d+\.db \[[#.]{30}\] \d+% \d+ MB, \d+ MB/s")
        self.assertTrue(shown.endswith(b"\r\x1b[K"), shown)

    def test_a_killed_backup_is_in_nobodys_way(self):
        self.filled(40_000)
        copy = os.path.join(self.folder, "copy.db")
        killed = 0
        for round_ in range(10):
            program = subprocess.Popen([PROGRAM, "backup", "--db", self.db, copy], stdout=subprocess.PIPE)
            self.assertTrue(eventually(lambda: os.path.exists(copy + ".backup-part") or program.poll() is not None))
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(round_ / 300)
            program.kill()
            program.communicate()
            killed += program.returncode != 0
            whole = os.path.exists(copy)  # also when it was killed after that
            self.assertTrue(whole or program.returncode)
            again = self.program("backup", "--db", self.db, copy, code=1 if whole else 0)
            self.assertEqual(again.stderr != "", whole)
            self.assertEqual([f for f in os.listdir(self.folder) if "backup-part" in f], [])
            os.remove(copy)
        print(f"backups killed: {killed} of 10, all made again")
        self.assertGreater(killed, 0)

    def test_a_backup_that_is_ended_leaves_nothing(self):
        self.filled(40_000)
        copy = os.path.join(self.folder, "copy.db")
        for end in (signal.SIGINT, signal.SIGTERM):
            for _ in range(30):
                program = subprocess.Popen([PROGRAM, "backup", "--db", self.db, copy], stdout=subprocess.PIPE,
                                           stderr=subprocess.PIPE, text=True)
                while not os.path.exists(copy + ".backup-part") and program.poll() is None:
                    pass
                program.send_signal(end)
                told = program.communicate(timeout=60)[1]
                if program.returncode:
                    break
                os.remove(copy)  # done before the signal came
            self.assertIn("stopped", told)
            self.assertEqual(program.returncode, 1)
            self.assertEqual([f for f in os.listdir(self.folder) if f.startswith("copy")], [])

    @unittest.skipUnless(os.path.exists("/dev/full"), "needs /dev/full")
    def test_what_cannot_be_written_is_no_success(self):
        self.filled(200)
        token = ["token", "create", "--name", "a", "--scope", "read"]
        for command in (["query"], ["query", "format=csv"], token, ["backup", self.db + ".copy"], ["routes"]):
            place = [] if command == ["routes"] else ["--db", self.db]
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([PROGRAM, command[0], *place, *command[1:]], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("standard output cannot be written", done.stderr)

    # Settings and retention

    def filled(self, count):
        log = os.path.join(self.folder, "log.xml")
        with open(log, "w", encoding="utf-8") as file:
            file.write(rendered_events(1, count))
        self.program("import", "--db", self.db, log)

    def test_settings_outlive_the_program_and_the_command_line_wins(self):
        server = self.server("--source", "none")
        admin = self.admin()
        change = b'{"retention_days": 7, "record": ["permit"]}'
        status, _, body = server.request("/api/v1/settings", "PATCH", change, admin)
        self.assertEqual((status, json.loads(body)["restart_needed"]), (200, ["record"]))
        self.assertEqual(server.get("/api/v1/status")["record"], ["block", "drop"])
        self.assertEqual(server.stop()[0], 0)
        server = self.server("--source", "none", "--retention-days", "3")
        settings = server.get("/api/v1/settings")
        self.assertEqual((settings["retention_days"], settings["record"]), (3, ["permit"]))
        self.assertEqual((settings["overridden"], settings["restart_needed"]), (["retention_days"], []))
        self.assertEqual(server.get("/api/v1/status")["record"], ["permit"])
        status, _, body = server.request("/api/v1/settings", "PATCH", b'{"retention_days": 9}', admin)
        self.assertEqual((status, json.loads(body)["code"]), (409, "overridden"))

    def test_a_smaller_bound_shrinks_the_file_and_is_told(self):
        self.filled(40_000)
        full = os.path.getsize(self.db)
        server = self.server("--source", "none")
        change = b'{"max_db_size": 1048576}'
        self.assertEqual(server.request("/api/v1/settings", "PATCH", change, self.admin())[0], 200)
        self.assertTrue(eventually(lambda: os.path.getsize(self.db) < min(full / 2, 1_300_000)), full)
        status = server.get("/api/v1/status")["store"]
        self.assertGreater(status["oldest_seq"], 1)
        coverage = server.get("/api/v1/coverage")
        self.assertFalse(coverage["complete"])
        fact = coverage["facts"][0]
        self.assertEqual((fact["kind"], fact["source"]), ("rows-deleted", None))
        self.assertEqual(fact["missing_records"], 40_000 - status["rows"])
        since = server.get("/api/v1/events?order=asc&limit=2")["events"][1]["time"]
        self.assertTrue(server.get(f"/api/v1/coverage?since={since}")["complete"])
        stream = server.stream("/api/v1/events/stream?after=0")
        gap = json.loads(next(data for event, _, data in sse_frames(stream) if event == "gap"))
        stream.close()
        self.assertEqual((gap["from_seq"], gap["to_seq"]), (1, server.get("/api/v1/status")["store"]["oldest_seq"] - 1))

    # Coverage

    def test_a_source_that_cannot_read_again_tells_when_nobody_read(self):
        for run in (1, 2):
            server = self.server("--source", "stdin:xml", stdin=subprocess.PIPE)
            self.fed(server, run, run)
            self.assertTrue(eventually(lambda: server.rows() == run))
            facts = server.get("/api/v1/coverage")["facts"]
            self.assertEqual([f["kind"] for f in facts], ["service-down"] * (run - 1))
            started = server.get("/api/v1/status")["start_time"]
            self.assertEqual(server.stop()[0], 0)
        self.assertEqual((facts[0]["source"], facts[0]["end_time"]), ("xml:stdin", started))
        # Files are read again: nothing is missing.
        log = os.path.join(self.folder, "log.xml")
        with open(log, "w", encoding="utf-8") as file:
            file.write(rendered_events(1, 5))
        os.mkdir(os.path.join(self.folder, "logs"))
        shutil.move(log, os.path.join(self.folder, "logs", "log.xml"))
        for _ in range(2):
            server = self.server("--source", "dir:" + os.path.join(self.folder, "logs"))
            self.assertTrue(eventually(lambda: server.rows() >= 5))
            self.assertEqual(len(server.get("/api/v1/coverage")["facts"]), 1)
            self.assertEqual(server.stop()[0], 0)


if __name__ == "__main__":
    unittest.main()
