"""What is left of the rights of blockwatchd once it serves, and the split of reading and changing."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from blockwatch_server import Server, eventually

PROGRAM = sys.argv[1]
del sys.argv[1]
POLICY = "/api/v1/audit/policy"
CAP_DAC_READ_SEARCH, CAP_NET_ADMIN = 2, 12


class RightsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def server(self, *options):
        server = Server(PROGRAM, self.folder, *options)
        self.addCleanup(server.__exit__)
        return server

    def threads_of(self, server):
        """The status of each thread, by name of the line."""
        server.get("/api/v1/status")
        folder = f"/proc/{server.process.pid}/task"
        for task in os.listdir(folder):
            try:
                with open(f"{folder}/{task}/status", encoding="utf-8") as file:
                    yield dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            except FileNotFoundError:
                pass  # it ended meanwhile

    def expect_rights(self, server, kept):
        seen = 0
        for status in self.threads_of(server):
            seen += 1
            for which in ("CapPrm", "CapEff"):
                self.assertEqual(int(status[which], 16), kept, status["Name"] + " " + which)
            for which in ("CapInh", "CapAmb"):
                self.assertEqual(int(status[which], 16), 0, which)
            self.assertEqual(status["NoNewPrivs"], "1")
            self.assertEqual(status["Umask"], "0077")
            if os.geteuid() == 0:
                self.assertEqual(int(status["CapBnd"], 16), kept)
        self.assertGreaterEqual(seen, 3)
        with open(f"/proc/{server.process.pid}/limits", encoding="utf-8") as file:
            self.assertRegex(file.read(), r"Max core file size +1 +1 ")

    def test_nothing_of_roots_rights_is_left(self):
        self.expect_rights(self.server("--source", "none"), 0)

    def test_files_of_others_stay_readable_where_they_are_read(self):
        events = os.path.join(self.folder, "events")
        os.mkdir(events)
        kept = 1 << CAP_DAC_READ_SEARCH if os.geteuid() == 0 else 0
        self.expect_rights(self.server("--source", "dir:" + events), kept)

    def test_no_memory_is_written_and_executed(self):
        server = self.server("--source", "none")
        with open(f"/proc/{server.process.pid}/maps", encoding="utf-8") as file:
            maps = [line.split(maxsplit=5) for line in file]
        self.assertGreater(len(maps), 20)
        self.assertEqual([m for m in maps if "w" in m[1] and "x" in m[1]], [])
        self.assertTrue(any(m[-1].strip() == "[stack]" and m[1] == "rw-p" for m in maps))

    def test_becomes_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can")
        nobody = pwd.getpwnam("nobody")
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        server = self.server("--source", "none", "--user", "nobody")
        self.expect_rights(server, 0)
        for status in self.threads_of(server):
            self.assertEqual(status["Uid"].split(), [str(nobody.pw_uid)] * 4)
            self.assertEqual(status["Gid"].split(), [str(nobody.pw_gid)] * 4)
        for name in ("test.db", "test.db.audit"):
            found = os.stat(os.path.join(self.folder, name))
            self.assertEqual((found.st_uid, found.st_mode & 0o077), (nobody.pw_uid, 0), name)

    def test_says_who_cannot_be_become(self):
        arguments = [PROGRAM, "--source", "none", "--listen", "127.0.0.1:0", "--db",
                     os.path.join(self.folder, "x.db"), "--user", "no-such-user-of-blockwatch"]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no user no-such-user-of-blockwatch", done.stderr)

    # Reading and changing apart

    def run_program(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60,
                              check=False)

    def test_a_server_without_the_right_to_change_the_policy(self):
        db = os.path.join(self.folder, "test.db")
        token = self.run_program("token", "--db", db, "create", "--name", "t", "--scope",
                                 "admin").stdout.split()[-1]
        headers = {"Authorization": "Bearer " + token, "If-Match": "*",
                   "Content-Type": "application/json"}
        # What is due when such a server starts waits for somebody who may.
        begun = time.time()
        due = self.run_program("audit", "--db", db, "set", "logon", "--failure", "on",
                               "--revert-after", "1s")
        self.assertEqual(due.returncode, 0, due.stderr)
        server = self.server("--source", "none", "--no-audit-changes")
        body = b'{"success":true}'
        for path, method, sent in ((POLICY + "/logon", "PATCH", body),
                                   (POLICY, "PUT", b'{"preset":"off"}')):
            status, _, answer = server.request(path, method, sent, headers)
            self.assertEqual((status, json.loads(answer)["code"]), (403, "audit_changes_off"))
            status, _, _ = server.request(path + "?dry_run=true", method, sent, headers)
            self.assertEqual(status, 200)
        status, _, answer = server.request("/api/v1/audit/backups", "POST", b"", headers)
        self.assertEqual(status, 201)
        restore = json.loads(answer)["id"]
        status, _, answer = server.request(f"/api/v1/audit/backups/{restore}/restore", "POST", b"{}",
                                           headers)
        self.assertEqual((status, json.loads(answer)["code"]), (403, "audit_changes_off"))
        eventually(lambda: time.time() > begun + 2)
        self.assertTrue(server.get(POLICY + "/logon")["failure"])
        # Who may change it does, beside the running server, and so does what was due.
        done = self.run_program("audit", "--db", db, "set", "logoff", "--failure", "on")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(server.get(POLICY + "/logon")["failure"])
        self.assertTrue(server.get(POLICY + "/logoff")["failure"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
