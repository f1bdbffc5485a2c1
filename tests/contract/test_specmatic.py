"""Specmatic's generated tests, positive and negative, against the running program.

Environment: BLOCKWATCHD, BLOCKWATCH_CONTRACT, BLOCKWATCH_TOOLS."""

import json
import os
import re
import subprocess
import unittest

from daemon import Daemon
from records import rendered_xml
from specmatic_input import specmatic_input
from tools import CONTRACT, ENVIRONMENT, SPECMATIC

LIMIT_S = 600
FEWEST = 300  # tests that must have run; fewer would mean that the input lost its meaning


class Specmatic(unittest.TestCase):
    def run_it(self, daemon, contract):
        path = daemon.folder / "openapi.json"
        path.write_text(json.dumps(contract), encoding="utf-8")
        environment = {**ENVIRONMENT, "SPECMATIC_GENERATIVE_TESTS": "true", "MAX_TEST_REQUEST_COMBINATIONS": "1",
                       "bearer": daemon.token("read")}
        done = subprocess.run(
            [*SPECMATIC, "test", str(path), f"--testBaseURL={daemon.url}", "--timeout=30"],
            cwd=daemon.folder, env=environment, timeout=LIMIT_S, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        found = re.findall(r"Tests run: (\d+), Successes: (\d+), Failures: (\d+), WIP: \d+, Errors: (\d+)", done.stdout)
        self.assertTrue(found, done.stdout[-3000:])
        return done.stdout, [int(number) for number in found[-1]]

    def test_all_pass_and_a_planted_difference_does_not(self):
        with Daemon(os.environ["BLOCKWATCHD"], "--require-token") as daemon:
            job = daemon.import_file(rendered_xml(60), daemon.token("import"))
            reader = {"Authorization": f"Bearer {daemon.token('read')}"}
            event = daemon.ask("GET", "/api/v1/events?limit=1", reader).json["events"][0]["id"]
            auditor = {"Authorization": f"Bearer {daemon.token('audit')}"}
            backup = daemon.ask("POST", "/api/v1/audit/backups", auditor).json["id"]
            admin = {"Authorization": f"Bearer {daemon.token('admin')}", "Content-Type": "application/json"}
            copy = daemon.ask("POST", "/api/v1/backups", admin, "{}").json["id"]
            ids = {"get_event": {"id": event}, "get_import": {"id": job["id"]}, "get_audit_backup": {"id": backup},
                   "get_backup": {"id": copy}}
            contract = specmatic_input(CONTRACT, ids)
            output, (run, good, failed, errors) = self.run_it(daemon, contract)
            unsuccessful = output[output.find("Unsuccessful Scenarios"):][:5000] if failed or errors else ""
            self.assertEqual((failed, errors, good), (0, 0, run), unsuccessful)
            self.assertGreater(run, FEWEST)
            print(f"{run} generated tests passed")

            status = contract["paths"]["/api/v1/status"]
            contract["paths"] = {"/api/v1/status": status}
            status["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["uptime_s"] = {"type": "string"}
            self.assertGreater(self.run_it(daemon, contract)[1][2], 0)


if __name__ == "__main__":
    unittest.main()
