"""The program as its users run it: blockwatchd as a process, asked over HTTP and by command."""

import glob
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from blockwatch_server import Server, eventually, rendered_events, sse_frames

PROGRAM, DEMO_LOG = sys.argv[1], sys.argv[2]
del sys.argv[1:3]
CORPUS = os.environ.get("BLOCKWATCH_CORPUS")


class DaemonTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def server(self, *options, **how):
        server = Server(PROGRAM, self.folder, *options, **how)
        self.addCleanup(server.__exit__)
        return server

    def run_program(self, *arguments, stdin=None):
        return subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, text=True,
                              timeout=300, check=False)

    def import_report(self, *arguments, **how):
        done = self.run_program("import", "--json", "--db", os.path.join(self.folder, "test.db"),
                                *arguments, **how)
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    # Life

    def test_stops_within_five_seconds_on_either_signal(self):
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.server("--source", "none")
            stream = server.stream("/api/v1/events/stream")
            self.assertTrue(stream.recv(1))
            code, seconds = server.stop(how)
            stream.close()
            self.assertEqual(code, 0)
            self.assertLess(seconds, 5)

    def test_a_taken_port_is_an_error(self):
        server = self.server("--source", "none")
        other = tempfile.mkdtemp(dir=self.folder)
        done = self.run_program("--listen", f"127.0.0.1:{server.port}", "--source", "none",
                                "--db", os.path.join(other, "x.db"))
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(server.port), done.stderr)

    def test_another_address_is_refused(self):
        done = self.run_program("--listen", "0.0.0.0:0", "--source", "none",
                                "--db", os.path.join(self.folder, "x.db"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("only with TLS", done.stderr)

    def test_one_store_has_one_writer(self):
        self.server("--source", "none")
        code, _, errors = self.import_report(self.write("a.xml", rendered_events(1, 1)))
        self.assertEqual(code, 1)
        self.assertIn("/api/v1/imports", errors)

    # Import

    def test_a_second_import_adds_nothing_and_says_so(self):
        path = self.write("a.xml", rendered_events(1, 500))
        code, (first,), _ = self.import_report(path)
        self.assertEqual((code, first["stored"], first["duplicate"]), (0, 500, 0))
        code, (second,), _ = self.import_report(path)
        self.assertEqual((code, second["stored"], second["duplicate"]), (0, 0, 500))

    def test_damage_has_its_own_exit_code_and_the_rest_is_stored(self):
        path = self.write("a.xml", rendered_events(1, 2) + "<Event><System></Event>")
        code, (report,), _ = self.import_report(path)
        self.assertEqual(code, 3)
        self.assertEqual(report["stored"], 2)
        self.assertEqual(report["damage"][0]["offset"], len(rendered_events(1, 2)))

    def test_standard_input_is_read(self):
        code, (report,), _ = self.import_report("-", stdin=rendered_events(1, 20))
        self.assertEqual((code, report["stored"]), (0, 20))

    def test_a_missing_file_fails_and_the_others_are_read(self):
        code, reports, errors = self.import_report(
            os.path.join(self.folder, "none.evtx"), self.write("a.xml", rendered_events(1, 3)))
        self.assertEqual(code, 1)
        self.assertIn("none.evtx", errors)
        self.assertEqual(reports[1]["stored"], 3)

    def test_a_table_is_printed_for_people(self):
        done = self.run_program("import", "--db", os.path.join(self.folder, "x.db"),
                                self.write("a.xml", rendered_events(1, 3)))
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"FILE +RECORDS +WANTED +STORED +DUPLICATE +DAMAGED")
        self.assertRegex(done.stdout, r"a\.xml +3 +3 +3 +0 +0")

    @unittest.skipUnless(CORPUS, "BLOCKWATCH_CORPUS is not set")
    def test_the_corpus_is_read_twice(self):
        files = sorted(glob.glob(os.path.join(CORPUS, "evtx", "*.evtx")))
        code, reports, errors = self.import_report("--record", "block,drop,permit", *files)
        self.assertEqual((len(reports), errors), (len(files), ""))
        self.assertEqual(code, 3)
        no_log = [r for r in reports if "notevtx-zero-bytes" in r["file"]]
        self.assertIn("expected an EVTX file", no_log[0]["damage"][0]["what"])
        self.assertEqual(sum(r["stored"] for r in reports), 82)
        code, reports, _ = self.import_report("--record", "block,drop,permit", *files)
        self.assertEqual(code, 3)
        self.assertEqual(sum(r["stored"] for r in reports), 0)
        self.assertEqual(sum(r["duplicate"] for r in reports), 82)

    def test_a_full_disk_ends_an_import_with_an_error(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))

        path = self.write("a.xml", rendered_events(1, 20_000))
        done = subprocess.run(
            [PROGRAM, "import", "--db", os.path.join(self.folder, "x.db"), path],
            preexec_fn=small_files, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nothing can be stored", done.stderr)

    def test_kill_9_during_import_loses_and_doubles_nothing(self):
        count = 20_000
        path = self.write("a.xml", rendered_events(1, count))
        db = os.path.join(self.folder, "test.db")
        seed = random.randrange(1 << 30)
        chance = random.Random(seed)
        kills = 0
        for _ in range(20):
            process = subprocess.Popen([PROGRAM, "import", "--db", db, path],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(chance.uniform(0.01, 0.25))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
        code, (report,), _ = self.import_report(path)
        self.assertEqual(code, 0, f"seed {seed}")
        self.assertEqual(report["stored"] + report["duplicate"], count, f"seed {seed}")
        done = self.run_program("query", "--db", db, "fields=record_id,seq")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(sorted(r["record_id"] for r in rows), list(range(1, count + 1)),
                         f"seed {seed}")
        self.assertEqual(len({r["seq"] for r in rows}), count)
        self.assertGreater(kills, 0)

    # Sources

    def test_dir_reads_what_appears_and_goes_on_after_a_restart(self):
        drop = os.path.join(self.folder, "drop")
        os.mkdir(drop)
        server = self.server("--source", f"dir:{drop}")
        self.write("drop/a.xml", rendered_events(1, 10))
        self.assertTrue(eventually(lambda: server.rows() == 10))
        self.assertEqual(server.stop()[0], 0)
        self.write("drop/b.xml", rendered_events(11, 15))
        server = self.server("--source", f"dir:{drop}")
        self.assertTrue(eventually(lambda: server.rows() == 15))
        self.assertEqual(server.get("/api/v1/status")["writer"]["duplicate"], 0)

    def test_dir_reads_a_file_that_never_rests(self):
        drop = os.path.join(self.folder, "drop")
        os.mkdir(drop)
        server = self.server("--source", f"dir:{drop}")
        written = 0

        def append_and_look():
            nonlocal written
            written += 1
            with open(os.path.join(drop, "a.xml"), "a", encoding="utf-8") as file:
                file.write(rendered_events(written, written))
            time.sleep(0.1)
            return server.rows() > 0

        self.assertTrue(eventually(append_and_look))

    def test_evtx_is_imported_then_followed_across_restarts(self):
        with open(DEMO_LOG, "rb") as file:
            whole = file.read()
        log = os.path.join(self.folder, "Security.evtx")
        chunks = (len(whole) - 4096) // 65536
        self.assertGreater(chunks, 1, "the demo log must have several chunks")

        def write_chunks(n):
            with open(log, "wb") as file:
                file.write(whole[:4096 + n * 65536])

        write_chunks(1)
        server = self.server("--source", f"evtx:{log}", "--record", "block,drop,permit")
        self.assertTrue(eventually(lambda: server.rows() > 0))
        first = server.rows()
        write_chunks(2)
        self.assertTrue(eventually(lambda: server.rows() > first))
        self.assertEqual(server.stop()[0], 0)
        write_chunks(chunks)
        server = self.server("--source", f"evtx:{log}", "--record", "block,drop,permit")
        code, (report,), _ = self.whole_demo_report()
        self.assertEqual(code, 0)
        self.assertTrue(eventually(lambda: server.rows() == report["stored"]))

    def whole_demo_report(self):
        done = self.run_program("import", "--json", "--record", "block,drop,permit", "--db",
                                os.path.join(self.folder, "whole.db"), DEMO_LOG)
        return done.returncode, [json.loads(done.stdout)], done.stderr

    def test_a_record_that_cannot_be_read_does_not_end_a_pipe(self):
        server = self.server("--source", "stdin:jsonl", stdin=subprocess.PIPE)
        good = {"EventID": 5157, "Channel": "Security", "Hostname": "PC01",
                "TimeCreated": "2026-01-02T03:04:05.000Z", "ProcessId": "12",
                "Application": "x.exe", "Direction": "%%14593", "SourceAddress": "10.0.0.5",
                "SourcePort": "50000", "DestAddress": "192.0.2.7", "DestPort": "443",
                "Protocol": "6", "FilterRTID": "1", "LayerName": "%%14611", "LayerRTID": "48"}
        lines = [{"EventID": 5157, "Channel": "Security", "Hostname": "PC01",
                  "TimeCreated": "2026-01-02T03:04:05.000Z", "Message": "blocked"}, "no record"]
        lines += [{**good, "SourcePort": str(port)} for port in range(50000, 50500)]
        for line in lines:
            server.process.stdin.write(json.dumps(line) + "\n")
        server.process.stdin.flush()
        self.assertTrue(eventually(lambda: server.rows() == 500))
        source, = server.get("/api/v1/sources")["sources"]
        self.assertGreaterEqual(source["damaged"], 1)
        self.assertEqual(source["state"], "following")

    def test_an_empty_pipe_is_finished_not_failed(self):
        server = self.server("--source", "stdin:jsonl")
        self.assertTrue(eventually(
            lambda: server.get("/api/v1/sources")["sources"][0]["state"] == "finished"))
        self.assertEqual(server.request("/health/ready")[0], 200)

    def test_standard_input_is_a_source(self):
        server = self.server("--source", "stdin:xml", stdin=subprocess.PIPE)
        for record_id in range(1, 4):  # each is stored although nothing follows it
            server.process.stdin.write(rendered_events(record_id, record_id))
            server.process.stdin.flush()
            self.assertTrue(eventually(lambda: server.rows() == record_id))
        server.process.stdin.close()
        self.assertTrue(eventually(
            lambda: server.get("/api/v1/sources")["sources"][0]["state"] == "finished"))

    def test_a_failed_source_turns_readiness_red(self):
        server = self.server("--source", f"dir:{self.folder}/none")
        self.assertTrue(eventually(lambda: server.request("/health/ready")[0] == 503))
        self.assertEqual(server.request("/health/live")[0], 200)
        # Anybody may ask that, from elsewhere too.
        told = json.loads(server.request("/health/ready")[2])["checks"]
        self.assertNotIn(self.folder, str(told))
        self.assertIn("1 of 1 failed", str(told))
        self.assertEqual(server.get("/api/v1/sources")["sources"][0]["state"], "failed")

    # Imports over HTTP

    def token(self, scope="import"):
        done = self.run_program("token", "create", "--name", f"t{random.random()}", "--scope",
                                scope, "--db", os.path.join(self.folder, "test.db"))
        self.assertEqual(done.returncode, 0, done.stderr)
        return {"Authorization": "Bearer " + done.stdout.strip()}

    def test_an_upload_needs_a_token_and_is_reported(self):
        server = self.server("--source", "none")
        body = rendered_events(1, 300).encode()
        headers = {"Content-Type": "application/octet-stream"}
        self.assertEqual(server.request("/api/v1/imports", "POST", body, headers)[0], 401)
        headers.update(self.token())
        status, answer, text = server.request("/api/v1/imports?name=log.xml", "POST", body, headers)
        self.assertEqual(status, 202, text)
        where = answer["Location"]
        self.assertTrue(eventually(lambda: server.get(where)["state"] == "done"))
        self.assertEqual(server.get(where)["report"]["stored"], 300)
        self.assertEqual(server.get("/api/v1/events?limit=1")["events"][0]["source"], "xml:log.xml")

    # Streams

    def test_a_stream_during_an_import_has_every_row_once_and_goes_over_to_live(self):
        server = self.server("--source", "stdin:xml", stdin=subprocess.PIPE)
        count = 20_000

        def feed():
            for first in range(1, count, 1000):
                server.process.stdin.write(rendered_events(first, first + 999))
            server.process.stdin.close()

        feeder = threading.Thread(target=feed)
        feeder.start()
        connection = server.stream("/api/v1/events/stream?after=0")
        seqs, records = [], set()
        for event, frame_id, data in sse_frames(connection):
            if event != "block":
                continue
            seqs.append(int(frame_id))
            records.add(json.loads(data)["record_id"])
            if len(seqs) == count:
                break
        feeder.join()
        connection.close()
        self.assertEqual(seqs, list(range(1, count + 1)))
        self.assertEqual(len(records), count)

    def test_a_client_that_stops_reading_loses_nothing(self):
        pause = float(os.environ.get("BLOCKWATCH_TEST_PAUSE_S", "3"))
        server = self.server("--source", "stdin:xml", stdin=subprocess.PIPE)
        connection = server.stream("/api/v1/events/stream?after=0")
        count = 30_000
        for first in range(1, count, 1000):
            server.process.stdin.write(rendered_events(first, first + 999))
        server.process.stdin.close()
        # Everything is stored although this client reads nothing: nobody waits for it.
        self.assertTrue(eventually(lambda: server.rows() == count, 120))
        time.sleep(pause)
        seqs = []
        for event, frame_id, _ in sse_frames(connection):
            if event == "block":
                seqs.append(int(frame_id))
                if len(seqs) == count:
                    break
        connection.close()
        self.assertEqual(seqs, list(range(1, count + 1)))

    def test_clients_that_left_give_their_places_back(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        server = self.server("--source", "none")
        for _ in range(3):
            streams = [server.stream("/api/v1/events/stream") for _ in range(1024)]
            for stream in streams:
                self.assertIn(b" 200 ", stream.recv(100))
            refused = server.stream("/api/v1/events/stream")
            self.assertIn(b" 503 ", refused.recv(100))
            for stream in [*streams, refused]:
                stream.close()
            self.assertTrue(eventually(
                lambda: b"blockwatch_http_streams 0\n" in server.request("/metrics")[2], 5))

    # Query

    def test_query_answers_as_the_server_does(self):
        self.import_report(self.write("a.xml", rendered_events(1, 50)))
        db = os.path.join(self.folder, "test.db")
        done = self.run_program("query", "--db", db, "record_id=10-19", "--order", "asc")
        self.assertEqual(done.returncode, 0, done.stderr)
        by_command = [json.loads(line) for line in done.stdout.splitlines()]
        server = self.server("--source", "none")
        by_server = server.get("/api/v1/events?record_id=10-19&order=asc")["events"]
        self.assertEqual(by_command, by_server)
        self.assertEqual([e["record_id"] for e in by_command], list(range(10, 20)))

    def test_query_names_every_fault(self):
        done = self.run_program("query", "--db", os.path.join(self.folder, "x.db"),
                                "directon=inbound", "remote_port=99999")
        self.assertEqual(done.returncode, 2)
        self.assertIn("direction", done.stderr)
        self.assertIn("remote_port", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
