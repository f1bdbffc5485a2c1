"""Requests through Prism's validating proxy: it judges every reply by the contract on its own.

Environment: BLOCKWATCHD, BLOCKWATCH_CONTRACT, BLOCKWATCH_TOOLS."""

import http.client
import os
import signal
import subprocess
import time
import unittest

from daemon import Daemon, Reply
from records import rendered_xml
from tools import CONTRACT, ENVIRONMENT, PRISM, free_port

START_S = 60

REQUESTS = """
/api/v1/events
/api/v1/events?limit=2&order=asc&count=exact
/api/v1/events?fields=time,application_name,remote_address,remote_port
/api/v1/events?include=raw&limit=5
/api/v1/events?direction=inbound&action=block,drop&protocol=tcp&remote_address=198.51.100.0%2F24
/api/v1/events?remote_port=443,8000-8100&remote_port__not=8080
/api/v1/events?application=listener.exe&reason=unknown,default-inbound&since=7d
/api/v1/events?after=0&limit=3
/api/v1/events?after=0&wait=0s&host=nowhere
/api/v1/events/1
/api/v1/events/999999
/api/v1/stats/top?by=remote_address&limit=5
/api/v1/stats/top?by=process_id&event_id=5157
/api/v1/stats/timeline?bucket=1h
/api/v1/stats/timeline?bucket=1m&by=direction
/api/v1/fields/application_name/values?prefix=l
/api/v1/fields/reason/values
/api/v1/coverage
/api/v1/coverage?since=7d&until=1h&limit=10
/api/v1/sources
/api/v1/imports/{import}
/api/v1/imports/nonsense
/api/v1/audit/policy?all=true
/api/v1/audit/policy/filtering-platform-connection
/api/v1/audit/policy/nothing
/api/v1/audit/backups
/api/v1/audit/changes?limit=5
/api/v1/backups
/api/v1/backups/none
/api/v1/settings
/api/v1/status
/health/live
/health/ready
/metrics
/openapi.json
/docs
"""


class Prism(unittest.TestCase):
    def setUp(self):
        self.daemon = self.enterContext(Daemon(os.environ["BLOCKWATCHD"]))
        self.job = self.daemon.import_file(rendered_xml(60), self.daemon.token("import"))

    def proxy(self, contract):
        """Starts `prism proxy`; the port. Its own judgement comes as status 500 (--errors)."""
        port = free_port()
        log = open(self.daemon.folder / "prism.log", "w+b")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [*PRISM, "proxy", str(contract), self.daemon.url, "--errors", "-p", str(port), "-h", "127.0.0.1"],
            stdout=log, stderr=subprocess.STDOUT, env=ENVIRONMENT)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.send_signal, signal.SIGKILL)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            log.seek(0)
            if b"Prism is listening" in log.read():
                return port
            self.assertIsNone(process.poll(), "prism ended at its start")
            time.sleep(0.05)
        self.fail("prism did not start in time")

    def ask(self, port, target, headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            return Reply(response, response.read())
        finally:
            connection.close()

    def test_every_reply_passes(self):
        port = self.proxy(CONTRACT)
        # Prism hands the Host on as it came; ours is what the server answers to.
        headers = {"Host": f"127.0.0.1:{self.daemon.port}", "Accept": "*/*"}
        for line in REQUESTS.split():
            with self.subTest(request=line):
                reply = self.ask(port, line.replace("{import}", self.job["id"]), headers)
                direct = self.daemon.get(line.replace("{import}", self.job["id"]))
                self.assertIsNone(reply.headers["sl-violations"])
                self.assertEqual(reply.status, direct.status, reply.body[:1000])

    def test_a_reply_that_differs_is_found(self):
        planted = self.daemon.folder / "openapi.yaml"
        text = CONTRACT.read_text(encoding="utf-8")
        planted.write_text(text.replace("uptime_s: { type: number, minimum: 0 }", "uptime_s: { type: string }")
                           .replace("uptime_s: 3607.7", "uptime_s: '3607.7'"), encoding="utf-8")
        self.assertNotEqual(planted.read_text(encoding="utf-8"), text)
        reply = self.ask(self.proxy(planted), "/api/v1/status", {"Host": f"127.0.0.1:{self.daemon.port}"})
        self.assertEqual(reply.status, 500, reply.body[:500])


if __name__ == "__main__":
    unittest.main()
