"""The audit policy across programs, restarts and crashes: the real blockwatchd over HTTP and by command."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

from blockwatch_server import Server, eventually, sse_frames

PROGRAM = sys.argv[1]
del sys.argv[1]
POLICY = "/api/v1/audit/policy"
DROPS = "filtering-platform-packet-drop"
CONNECTIONS = "filtering-platform-connection"


class AuditTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "test.db")
        self.policy_file = os.path.join(self.folder, "audit-policy.csv")
        self.token = self.command("token", "create", "--name", "auditor", "--scope", "audit").stdout.strip()

    def command(self, *words, code=0):
        done = subprocess.run([PROGRAM, *words, "--db", self.db], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def audit(self, *words, code=0):
        done = self.command("audit", *words, code=code)
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    def server(self, *options):
        server = Server(PROGRAM, self.folder, "--source", "none", *options)
        self.addCleanup(server.__exit__)
        return server

    def change(self, server, body, method="PATCH", path=f"{POLICY}/{DROPS}"):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "If-Match": "*"}
        status, _, answer = server.request(path, method, json.dumps(body).encode(), headers)
        self.assertEqual(status, 200, answer)
        return json.loads(answer)

    def failures(self, slug=DROPS):
        return self.audit("get", slug)["subcategories"][0]["failure"]

    def test_a_temporary_change_survives_a_killed_program(self):
        server = self.server()
        made = self.change(server, {"failure": True, "revert_after": "3s"})
        self.assertEqual(made["settings"][0]["revert"], "pending")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        self.assertTrue(self.failures())
        server = self.server()
        self.assertTrue(eventually(lambda: not self.failures()))

        def changes():
            return server.get("/api/v1/audit/changes")["changes"]

        # The trail is finished after the policy was put back.
        self.assertTrue(eventually(lambda: changes()[0]["state"] == "done"))
        self.assertEqual([(c["cause"], c["state"]) for c in changes()], [("revert", "done"), ("set", "reverted")])
        self.assertEqual(changes()[0]["reverts"], made["id"])
        self.assertEqual(server.stop()[0], 0)

    def test_programs_work_on_the_same_policy(self):
        server = self.server()
        planned = self.audit("set", "--preset", "packets", "--dry-run")
        self.assertEqual((planned["state"], self.failures()), ("planned", False))
        made = self.audit("set", "--preset", "packets", "--revert-after", "1h")
        self.assertTrue(made["who"].startswith("user:"))
        self.assertTrue(self.failures())
        self.change(server, {"failure": False})
        self.audit("set", CONNECTIONS, "--success", "on", "--failure", "off")
        changes = server.get("/api/v1/audit/changes")["changes"]
        self.assertEqual([c["cause"] for c in changes], ["set", "set", "set"])
        self.assertEqual([s["revert"] for s in changes[2]["settings"]], ["kept", "kept"])

    def test_a_stream_hears_of_what_another_program_wrote(self):
        server = self.server()
        stream = server.stream("/api/v1/events/stream")
        frames = sse_frames(stream)
        # Somebody edits the file; the next change finds out at once.
        self.audit("backup", self.policy_file)
        with open(self.policy_file, encoding="ascii") as file:
            text = file.read()
        row = text.index("Filtering Platform Connection")
        with open(self.policy_file, "w", encoding="ascii", newline="") as file:
            file.write(text[:row] + text[row:].replace("No Auditing,,0", "Failure,,2", 1))
        self.change(server, {"failure": True})
        causes = []
        while len(causes) < 2:
            event, number, data = next(frames)
            if event == "policy":
                self.assertIsNone(number)
                causes.append(json.loads(data)["cause"])
        stream.close()
        self.assertEqual(causes, ["outside", "set"])

    def test_backup_and_restore(self):
        self.audit("set", "--preset", "packets")
        file = os.path.join(self.folder, "saved.csv")
        self.audit("backup", file)
        self.audit("set", "--preset", "off")
        self.audit("restore", file, "--dry-run")
        self.assertFalse(self.failures())
        self.audit("restore", file)
        self.assertTrue(self.failures())
        self.audit("restore", "--id", "1")
        self.assertFalse(self.failures())
        self.assertEqual(stat.S_IMODE(os.stat(self.policy_file).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.db + ".audit").st_mode), 0o600)

    def test_faults_are_named(self):
        said = [
            (("set",), "expected subcategories"),
            (("set", "filtering-platform-conection", "--failure", "on"), f'did you mean "{CONNECTIONS}"?'),
            (("set", DROPS, "--failure", "maybe"), "on"),
            (("set", "--preset", "all"), "connections, packets or off"),
            (("set", "--preset", "off", "--failure", "on"), "neither subcategories nor flags"),
            (("set", DROPS, "--failure", "on", "--revert-after", "soon"), "15m"),
            (("restore",), "expected a FILE"),
        ]
        for words, text in said:
            with self.subTest(words=words):
                self.assertIn(text, self.command("audit", *words, code=2).stderr)
        with open(self.policy_file, "w", encoding="ascii") as file:
            file.write("header\na,b,c\n")
        self.assertIn("line 2: expected 7 columns", self.command("audit", "get", code=1).stderr)
        self.assertIn("line 2", self.command("audit", "restore", self.policy_file, code=1).stderr)

    def test_a_file_of_ones_own_may_be_named(self):
        other = os.path.join(self.folder, "other.csv")
        self.audit("set", DROPS, "--failure", "on", "--audit-policy", other)
        self.assertFalse(self.failures())
        server = self.server("--audit-policy", other)
        self.assertTrue(server.get(f"{POLICY}/{DROPS}")["failure"])


if __name__ == "__main__":
    unittest.main()
