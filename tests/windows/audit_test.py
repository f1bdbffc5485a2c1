"""The audit policy of Windows: audit_test.py RUNNER PREFIX ADVAPI32 WEVTAPI.

The shipped program under Wine, with fake_advapi32 and fake_wevtapi where the system's own would be.
What it shows is that the program's calls fit together, not how a real Windows answers.
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
from blockwatch_server import Server, eventually, sse_frames  # noqa: E402
from wine_doubles import install_doubles  # noqa: E402

blockwatch_server.STOP_SIGNAL = signal.SIGINT
blockwatch_server.SHOWS_TOKEN = True
RUNNER, PREFIX, ADVAPI32, WEVTAPI = sys.argv[1:5]
del sys.argv[1:5]

POLICY = "/api/v1/audit/policy"
WINE_RUN = Path(__file__).with_name("wine-run")
DROPS, CONNECTIONS = "filtering-platform-packet-drop", "filtering-platform-connection"
FAILURE = 2
LSA = r"HKLM\System\CurrentControlSet\Control\Lsa"


def guid(last_byte):
    return f"{{0CCE92{last_byte:02X}-69AE-11D9-BED3-505054503030}}"


GUIDS = {DROPS: guid(0x25), CONNECTIONS: guid(0x26)}


def setUpModule():
    subprocess.run([RUNNER, "--version"], check=True, stdout=subprocess.DEVNULL)  # makes the prefix
    install_doubles(
        PREFIX, Path(ADVAPI32).with_name("wine_advapi32.dll"), ADVAPI32, WEVTAPI)
    os.environ["BLOCKWATCH_DOUBLES"] = "advapi32"


class AuditTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "test.db")
        self.system = os.path.join(self.folder, "policy.txt")
        os.environ["FAKE_AUDIT_POLICY"] = "Z:" + self.system.replace("/", "\\")
        self.write({guid(byte): 0 for byte in range(0x10, 0x4B)})
        self.log = os.path.join(self.folder, "log.jsonl")
        os.environ["FAKE_EVENT_LOG"] = "Z:" + self.log.replace("/", "\\")

    def write(self, policy, *lines):
        text = "".join(f"{line}\n" for line in lines)
        with open(self.system + ".new", "w", encoding="ascii") as file:
            file.write(text + "".join(f"{name} {flags}\n" for name, flags in policy.items()))
        os.replace(self.system + ".new", self.system)

    def policy(self):
        """What the double has: {GUID: flags}."""
        with open(self.system, encoding="ascii") as file:
            return {name: int(flags) for name, flags in
                    (line.split() for line in file if line.startswith("{"))}

    def flags(self, slug):
        return self.policy().get(GUIDS[slug])

    def command(self, *words, code=0):
        done = subprocess.run([RUNNER, *words, "--db", self.db], capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def audit(self, *words):
        return json.loads(self.command("audit", *words).stdout)

    def server(self, source="none"):
        server = Server(RUNNER, self.folder, "--source", source)
        self.addCleanup(server.__exit__)
        return server

    def change(self, server, body, path=f"{POLICY}/{DROPS}", method="PATCH", match="*", code=200):
        if not hasattr(self, "token"):
            self.token = self.command(
                "token", "create", "--name", "auditor", "--scope", "audit").stdout.strip()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
                   "If-Match": match}
        status, _, answer = server.request(path, method, None if body is None else json.dumps(body).encode(), headers)
        self.assertEqual(status, code, answer)
        return json.loads(answer)

    def causes(self, server):
        return [c["cause"] for c in server.get("/api/v1/audit/changes")["changes"]]

    def test_all_subcategories_are_read(self):
        self.write({**self.policy(), GUIDS[CONNECTIONS]: 3, guid(0x2F): 1})
        every = self.audit("get", "--all")
        self.assertEqual(every["source"], "windows")
        on = {s["slug"]: (s["success"], s["failure"]) for s in every["subcategories"]
              if s["success"] or s["failure"]}
        self.assertEqual(len(every["subcategories"]), 59)
        self.assertEqual(on, {CONNECTIONS: (True, True), "audit-policy-change": (True, False)})

    def test_what_an_older_windows_does_not_know_is_left_out(self):
        self.write({g: f for g, f in self.policy().items() if g != guid(0x4A)})
        self.assertEqual(len(self.audit("get", "--all")["subcategories"]), 58)

    def test_a_dry_run_shows_the_difference_and_changes_nothing(self):
        server = self.server()
        made = self.change(server, {"preset": "packets"}, POLICY + "?dry_run=true", "PUT")
        self.assertEqual(made["state"], "planned")
        self.assertEqual({s["slug"]: (s["before"]["failure"], s["after"]["failure"])
                          for s in made["settings"]},
                         {DROPS: (False, True), CONNECTIONS: (False, True)})
        self.assertEqual(set(self.policy().values()), {0})
        self.assertEqual(self.causes(server), [])

    def test_set_back_up_and_restore(self):
        self.audit("set", "--preset", "packets")
        self.assertEqual((self.flags(DROPS), self.flags(CONNECTIONS)), (FAILURE, FAILURE))
        server = self.server()
        backup = self.change(server, None, "/api/v1/audit/backups", "POST", code=201)
        self.change(server, {"preset": "off"}, POLICY, "PUT")
        self.assertEqual(set(self.policy().values()), {0})
        self.change(server, {}, f"/api/v1/audit/backups/{backup['id']}/restore", "POST")
        self.assertEqual((self.flags(DROPS), self.flags(CONNECTIONS)), (FAILURE, FAILURE))
        csv = server.request(f"/api/v1/audit/backups/{backup['id']}")[2].decode()
        self.assertIn(f"Filtering Platform Packet Drop,{GUIDS[DROPS]},Failure,,2", csv)
        saved = os.path.join(self.folder, "saved.csv")
        Path(saved).write_text(csv, encoding="utf-8", newline="")
        self.audit("set", "--preset", "off")
        self.audit("restore", "Z:" + saved.replace("/", "\\"))
        self.assertEqual(self.flags(DROPS), FAILURE)

    def test_a_temporary_change_survives_a_killed_program(self):
        server = self.server()
        self.change(server, {"failure": True, "revert_after": "3s"})
        server.process.kill()  # under Wine as TerminateProcess: nobody is asked
        server.process.wait()
        self.assertEqual(self.flags(DROPS), FAILURE)
        server = self.server()
        self.assertTrue(eventually(lambda: self.flags(DROPS) == 0))
        self.assertTrue(eventually(lambda: self.causes(server) == ["revert", "set"]))
        self.assertEqual(server.stop()[0], 0)

    def test_what_others_change_is_noticed(self):
        server = self.server()
        stream = server.stream("/api/v1/events/stream")
        frames = sse_frames(stream)
        seen = server.request(POLICY)[1]["ETag"]
        self.write({**self.policy(), GUIDS[CONNECTIONS]: FAILURE})
        self.change(server, {"failure": True}, match=seen, code=412)
        event, _, data = next(f for f in frames if f[0] == "policy")
        self.assertEqual(json.loads(data)["cause"], "outside")
        stream.close()
        self.assertEqual(self.causes(server), ["outside"])

    def test_a_policy_that_wins_is_a_conflict(self):
        self.write(self.policy(), "locked")
        server = self.server()
        problem = self.change(server, {"failure": True}, code=409)
        self.assertIn("group policy", problem["detail"])
        self.assertEqual(self.flags(DROPS), 0)

    def test_what_a_group_policy_sets_is_refused_before_anything_is_done(self):
        windows = Path(PREFIX) / "drive_c/windows/security/audit"
        windows.mkdir(parents=True, exist_ok=True)
        self.addCleanup((windows / "audit.csv").unlink)
        (windows / "audit.csv").write_text(
            "Machine Name,Policy Target,Subcategory,Subcategory GUID,Inclusion Setting,"
            "Exclusion Setting,Setting Value\r\n"
            f",System,Audit Filtering Platform Packet Drop,{GUIDS[DROPS]},No Auditing,,0\r\n",
            newline="", encoding="ascii")
        server = self.server()
        self.assertIn("group policy", server.get(POLICY)["conflict"])
        problem = self.change(server, {"failure": True}, code=409)
        self.assertIn("Filtering Platform Packet Drop", problem["detail"])
        self.change(server, {"failure": True}, f"{POLICY}/{CONNECTIONS}")
        self.assertEqual((self.flags(DROPS), self.flags(CONNECTIONS)), (0, FAILURE))
        self.assertEqual(self.causes(server), ["set"])

    def test_categories_that_overwrite_subcategories_are_a_conflict(self):
        def registry(verb, *options):
            subprocess.run([WINE_RUN, PREFIX, "reg.exe", verb, LSA, "/v", "SCENoApplyLegacyAuditPolicy",
                            *options, "/f"], check=True, stdin=subprocess.DEVNULL, capture_output=True)

        registry("add", "/t", "REG_DWORD", "/d", "0")
        self.addCleanup(registry, "delete")
        server = self.server()
        self.assertIn("SCENoApplyLegacyAuditPolicy", server.get(POLICY)["conflict"])
        self.change(server, {"failure": True}, code=409)
        registry("add", "/t", "REG_DWORD", "/d", "1")
        self.change(server, {"failure": True})

    def test_the_log_tells_how_long_it_keeps_events(self):
        drop = {"id": 5152, "repeat": 1000, "data": {
            "Direction": ["s", "%%14592"], "SourceAddress": ["s", "198.51.100.7"], "SourcePort": ["port"],
            "DestAddress": ["s", "192.168.1.20"], "DestPort": ["s", "445"], "Protocol": ["u32", 6]}}
        with open(self.log, "w", encoding="ascii") as file:
            file.write(json.dumps({"id": 4624, "repeat": 1000, "age_s": 7200}) + "\n")
            file.write(json.dumps({**drop, "age_s": 3600}) + "\n")
        server = self.server()
        # 1,000 records of 1,000 bytes in the last two hours, of the 20 MiB that Windows comes with.
        log = server.get(POLICY)["security_log"]
        self.assertEqual((log["bytes"], log["max_bytes"], log["when_full"]), (2_000_000, 20_971_520, "overwrite"))
        self.assertAlmostEqual(log["hours_until_overwrite"], 41.9, delta=0.5)
        wish = {"preset": "packets"}, POLICY + "?dry_run=true", "PUT"
        forecast = self.change(server, *wish)["forecast"]
        self.assertIsNone(forecast["hours_after_at_least"])
        self.assertEqual(forecast["hours_after_at_most"], forecast["hours_before"])
        self.assertIn("not known before it was on", forecast["basis"])
        server.stop()
        # Once such events were stored it is known.
        server = self.server("windows")
        self.assertTrue(eventually(lambda: server.rows() == 1000))
        forecast = self.change(server, {"failure": True}, f"{POLICY}/{DROPS}?dry_run=true")["forecast"]
        self.assertGreater(forecast["hours_after_at_least"], 0)
        self.assertLess(forecast["hours_after_at_most"], forecast["hours_before"])
        server.stop()
        said = self.audit("get")["security_log"]
        self.assertAlmostEqual(said["hours_until_overwrite"], 41.9, delta=0.5)

    def test_missing_rights_are_told(self):
        for line in ("fail query 5", "lacks_privilege"):
            with self.subTest(line):
                self.write(self.policy(), line)
                said = self.command("audit", "get", code=1).stderr
                self.assertIn("Manage auditing and security log", said)
        self.write(self.policy(), "fail set 5")
        server = self.server()
        problem = self.change(server, {"failure": True}, code=403)
        self.assertEqual(problem["code"], "privilege_not_held")
        self.assertIn("Manage auditing and security log", problem["detail"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
