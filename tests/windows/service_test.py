"""blockwatchd.exe as a Windows service, under Wine's service manager: service_test.py PROGRAM WINE_RUN PREFIX.

What the service gets of the test is its command line alone: it runs in the service manager's environment and folder.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

PROGRAM, WINE_RUN, PREFIX = sys.argv[1:4]
del sys.argv[1:4]
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))
from blockwatch_server import eventually, make_reader, rendered_events  # noqa: E402

DRIVE = Path(PREFIX) / "drive_c"
DATA = DRIVE / "ProgramData/Blockwatch"
LOG = DATA / "blockwatchd.log"


def windows_path(path):
    return "C:\\" + str(path.relative_to(DRIVE)).replace("/", "\\")


def setUpModule():
    """The program goes where only administrators may move folders, which Linux's /tmp is not."""
    global PROGRAM
    run("cmd.exe", "/c", "rem")  # Wine makes the drive on first use
    folder = Path(unittest.enterModuleContext(tempfile.TemporaryDirectory(dir=DRIVE)))
    PROGRAM = shutil.copy(PROGRAM, folder / "blockwatchd.exe")


def run(program, *arguments):
    return subprocess.run([WINE_RUN, PREFIX, program, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", errors="replace", timeout=120)


def service(*arguments):
    return run(PROGRAM, "service", *arguments)


def query():
    """What `sc query` says: {"STATE": "4", "WIN32_EXIT_CODE": "0", ...}; empty: no such service."""
    return dict(re.findall(r"^\s*(\w+)\s*: (\d+)", run("sc.exe", "query", "blockwatch").stdout, re.M))


def is_stopped():
    return query().get("STATE") == "1"


class ServiceTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(dir=DRIVE)))
        self.db = DATA / "blockwatch.db"
        self.reader = {}
        self.addCleanup(shutil.rmtree, DATA, ignore_errors=True)
        self.addCleanup(service, "uninstall")
        service("uninstall")
        shutil.rmtree(DATA, ignore_errors=True)

    def install(self, *options):
        done = service("install", "--listen", "127.0.0.1:0", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def start(self):
        """The address that the service answers at."""
        seen = LOG.stat().st_size if LOG.exists() else 0
        done = run("net.exe", "start", "blockwatch")
        self.assertEqual(done.returncode, 0, done.stdout)

        def address():
            text = LOG.read_text()[seen:] if LOG.exists() else ""
            return re.search(r"listening on (http://\S+)\n", text)

        found = eventually(address)
        self.assertTrue(found, LOG.read_text() if LOG.exists() else "no log")
        # The service cannot tell who asks from outside of Wine.
        self.reader = self.reader or make_reader(windows_path(self.db), WINE_RUN, PREFIX, PROGRAM)
        return found[1]

    def stop(self):
        begin = time.monotonic()
        self.assertEqual(run("sc.exe", "stop", "blockwatch").returncode, 0)
        self.assertTrue(eventually(is_stopped), query())
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(query()["WIN32_EXIT_CODE"], "0")
        self.assertIn("stopped", LOG.read_text().splitlines()[-1])

    def assert_failed(self):
        self.assertTrue(eventually(is_stopped), query())
        self.assertEqual(query()["WIN32_EXIT_CODE"], "1066")  # see the next one
        self.assertEqual(query()["SERVICE_EXIT_CODE"], "1")

    def ask(self, url):
        request = urllib.request.Request(url, headers=self.reader)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def get(self, url):
        return json.loads(self.ask(url))

    def records(self, url):
        text = self.ask(url + "/api/v1/events?format=csv&fields=record_id&order=asc")
        return [int(word) for word in text.split()[1:]]

    def test_it_is_installed_started_asked_stopped_and_removed(self):
        done = self.install("--source", "none")
        self.assertIn('blockwatchd.exe" service run "--listen"', done.stdout)
        self.assertEqual(query()["STATE"], "1")

        url = self.start()
        self.assertEqual(query()["STATE"], "4")
        self.assertIn("version", self.get(url + "/api/v1/status"))
        self.assertEqual(self.get(url + "/health/live")["status"], "live")
        self.stop()

        done = service("install")
        self.assertEqual(done.returncode, 1)
        self.assertIn("installed already", done.stderr)

        self.assertEqual(service("uninstall").returncode, 0)
        self.assertEqual(query(), {})
        done = service("uninstall")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not installed", done.stderr)
        self.assertTrue(self.db.exists())
        self.assertEqual(stat.S_IMODE(DATA.stat().st_mode) & 0o007, 0)

    def test_stops_lose_and_double_nothing(self):
        feed = self.folder / "the журнал"
        feed.mkdir()
        per_file, files, rounds = 4_000, 4, 3
        config = self.folder / "blockwatch.json"
        config.write_text(json.dumps({"source": "dir:" + windows_path(feed)}))
        self.db = self.folder / "a ёж.db"
        self.install("--config", windows_path(config), "--db", windows_path(self.db))
        stopped_at = 0
        for n in range(rounds):
            for file in range(n * files, (n + 1) * files):
                (feed / f"{file:02}.xml").write_text(
                    rendered_events(file * per_file + 1, (file + 1) * per_file))
            url = self.start()
            rows = lambda: self.get(url + "/api/v1/status")["store"]["rows"]  # noqa: E731
            # The stop usually comes in the middle of what is new.
            self.assertTrue(eventually(lambda: rows() > stopped_at))
            stopped_at = rows()
            self.stop()
        url = self.start()
        wanted = list(range(1, per_file * files * rounds + 1))
        # Wine ends its services a minute after the last program that is none: asking by one prevents that.
        self.assertTrue(eventually(lambda: query() and rows() == len(wanted), 120))
        self.assertEqual(self.records(url), wanted)
        self.assertTrue(self.db.exists())

    def test_uninstall_stops_what_runs(self):
        self.install("--source", "none")
        self.start()
        self.assertEqual(service("uninstall").returncode, 0)
        self.assertEqual(query(), {})
        self.assertIn("stopped", LOG.read_text().splitlines()[-1])

    def test_a_start_that_fails_says_why(self):
        config = self.folder / "blockwatch.json"
        config.write_text('{"source": "none"}')
        self.install("--config", windows_path(config))
        config.write_text('{"sauce": "none"}')
        run("net.exe", "start", "blockwatch")
        self.assert_failed()
        self.assertIn("sauce", LOG.read_text())

    def test_a_data_folder_that_is_open_to_others_is_refused(self):
        DATA.mkdir()
        for mode in (0o755, 0o777):
            DATA.chmod(mode)
            done = service("install")
            self.assertEqual(done.returncode, 1, oct(mode))
            self.assertIn("not for administrators alone", done.stderr)
            self.assertEqual(query(), {})
        DATA.chmod(0o700)
        self.install("--source", "none")
        DATA.chmod(0o777)
        run("net.exe", "start", "blockwatch")
        self.assert_failed()
        self.assertEqual(os.listdir(DATA), [])

    def test_what_others_could_change_is_not_relied_on(self):
        self.folder.chmod(0o777)
        done = service("install", "--db", windows_path(self.folder / "a.db"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(windows_path(self.folder) + ": ", done.stderr)
        program = self.folder / "blockwatchd.exe"
        shutil.copy(PROGRAM, program)
        done = run(str(program), "service", "install")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not only administrators can change it", done.stderr)
        inner = self.folder / "inner"
        inner.mkdir(0o700)
        done = service("install", "--db", windows_path(inner / "a.db"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(windows_path(self.folder) + ": not only administrators can put", done.stderr)
        self.assertEqual(query(), {})

    def test_run_is_for_the_service_manager(self):
        done = service("run")
        self.assertEqual(done.returncode, 2)
        self.assertIn("blockwatchd serve", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
