"""Where and how blockwatchd listens: socket files, TLS, several addresses at once."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import time
import unittest

import blockwatch_server
from blockwatch_server import eventually, make_reader, rendered_events, sse_frames

PROGRAM = sys.argv[1]
del sys.argv[1]
STALLED = 64


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class SecureConnection(http.client.HTTPSConnection):
    def __del__(self):
        self.close()


def outside_address():
    """An address of this machine that is not the loopback's; None without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
            return probe.getsockname()[0]
        except OSError:
            return None


class ListenTest(unittest.TestCase):
    MODE_BITS = 0o7777  # those that are a file's own
    POLICY_STATUS = 200  # of a change of the audit policy

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.db = self.path("test.db")
        self.reader = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *options):
        """A running server and what it printed up to "Try:"."""
        with open(self.path("log"), "ab") as log:
            process = subprocess.Popen(
                [PROGRAM, "serve", "--source", "none", "--db", self.db, *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        self.addCleanup(self.end, process)
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("Try:"):
                return process, lines
        raise AssertionError(f"it did not start: {lines} {self.log()}")

    def stop(self, process):
        self.assertEqual(self.end(process, blockwatch_server.STOP_SIGNAL), 0)

    def end(self, process, how=signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(how)
            process.wait(timeout=20)
        if not process.stdout.closed:
            process.stdout.close()
        return process.returncode

    def log(self):
        with open(self.path("log"), encoding="utf-8") as file:
            return file.read()

    def refused(self, *options):
        done = subprocess.run([PROGRAM, "serve", "--source", "none", "--db", self.db, *options],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        return done.stderr

    def token(self, scope="read"):
        return subprocess.run(
            [PROGRAM, "token", "--db", self.db, "create", "--name", scope, "--scope", scope],
            capture_output=True, text=True, check=True, timeout=60).stdout.split()[-1]

    def get(self, connection, path, headers=None):
        connection.request("GET", path, headers={**self.reader, **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()

    # Socket files

    def test_a_socket_file_beside_a_port(self):
        path = self.path("socket")
        process, lines = self.start("--listen", "127.0.0.1:0", "--listen", "unix:" + path)
        self.assertRegex(lines[0], r"^listening on http://127\.0\.0\.1:\d+$")
        self.assertEqual(lines[1], "listening on unix:" + path)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        done = subprocess.run(["curl", "-sS", "--unix-socket", path, "http://localhost/api/v1/status"],
                              capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(json.loads(done.stdout)["store"]["rows"], 0)
        self.assertEqual(self.get(UnixConnection(path), "/", {"Host": "evil.test"})[0], 421)
        port = int(lines[0].rsplit(":", 1)[1])
        self.assertEqual(
            self.get(http.client.HTTPConnection("127.0.0.1", port), "/api/v1/status")[0], 200)
        self.stop(process)
        self.assertFalse(os.path.exists(path))

    def test_a_socket_file_of_a_killed_server_is_taken_over_and_no_other(self):
        path = self.path("socket")
        process, _ = self.start("--listen", "unix:" + path)
        second = subprocess.run(
            [PROGRAM, "--source", "none", "--db", self.path("other.db"), "--listen", "unix:" + path],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another program listens there", second.stderr)
        self.end(process)
        self.assertTrue(os.path.exists(path))
        self.start("--listen", "unix:" + path)
        self.assertEqual(self.get(UnixConnection(path), "/api/v1/status")[0], 200)

    # What is refused at the start

    def test_an_address_for_others_needs_tls_and_a_token(self):
        self.assertIn("--tls self-signed", self.refused("--listen", "0.0.0.0:0"))
        self.assertIn("--tls", self.refused("--listen", "https://127.0.0.1:0"))
        self.assertIn("only with TLS",
                      self.refused("--listen", "http://0.0.0.0:0", "--tls", "self-signed"))
        self.assertIn("token create",
                      self.refused("--listen", "0.0.0.0:0", "--tls", "self-signed"))
        self.assertIn("numeric", self.refused("--listen", "example.test:0", "--tls", "self-signed"))

    def test_a_key_must_be_secret_and_fit_its_certificate(self):
        key, certificate = self.make_pair("one")
        other_key, _ = self.make_pair("two")
        both = ["--listen", "127.0.0.1:0", "--tls-cert", certificate]
        self.assertIn("--tls-key", self.refused(*both))
        os.chmod(key, 0o644)
        self.assertRegex(self.refused(*both, "--tls-key", key), "may be read by others|others than .* may read")
        os.chmod(key, 0o600)
        self.assertIn("not that of the certificate", self.refused(*both, "--tls-key", other_key))
        self.assertIn("no PEM text", self.refused(*both, "--tls-key", certificate))
        self.assertIn("cannot be read", self.refused(
            "--tls-cert", self.path("missing"), "--tls-key", key))
        link = self.path("link")
        os.symlink(key, link)
        process, lines = self.start(*both, "--tls-key", link)
        shown = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-fingerprint",
                                "-sha256"], capture_output=True, text=True, check=True).stdout
        self.assertIn("SHA-256 " + shown.strip().split("=")[1], lines)
        self.end(process)

    def make_pair(self, name):
        key, certificate = self.path(name + ".key"), self.path(name + ".crt")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=" + name,
             "-addext", "subjectAltName=IP:127.0.0.1"], capture_output=True, check=True)
        os.chmod(certificate, 0o600)  # else a key is recognised by its mode already
        return key, certificate

    # TLS

    def know_reader(self):
        if blockwatch_server.SHOWS_TOKEN and not self.reader:
            self.reader = make_reader(self.db, PROGRAM)

    def start_tls(self, *options):
        self.know_reader()
        process, lines = self.start("--listen", "127.0.0.1:0", "--tls", "self-signed", *options)
        self.assertRegex(lines[0], r"^listening on https://127\.0\.0\.1:\d+$")
        self.port = int(lines[0].rsplit(":", 1)[1])
        self.certificate = self.path("tls-cert.pem")
        return process, lines

    def trusting(self):
        return ssl.create_default_context(cafile=self.certificate)

    def secure(self, context=None):
        return SecureConnection("127.0.0.1", self.port, timeout=60,
                                context=context or self.trusting())

    def test_requests_over_tls(self):
        with open(self.path("events.xml"), "w", encoding="utf-8") as file:
            file.write(rendered_events(1, 3000))
        subprocess.run([PROGRAM, "import", "--db", self.db, self.path("events.xml")],
                       capture_output=True, check=True, timeout=60)
        process, lines = self.start_tls()
        connection = self.secure()
        for _ in range(3):  # on one connection
            status, body = self.get(connection, "/api/v1/events?limit=1000")
            self.assertEqual((status, len(json.loads(body)["events"])), (200, 1000))
        self.assertEqual(connection.sock.version(), "TLSv1.3")
        status, body = self.get(connection, "/api/v1/events", {"Accept": "application/x-ndjson"})
        self.assertEqual((status, body.count(b"\n")), (200, 3000))
        origin = f"https://127.0.0.1:{self.port}"
        self.assertEqual(self.get(connection, "/api/v1/status", {"Origin": origin})[0], 200)
        self.assertEqual(self.get(self.secure(), "/api/v1/status",
                                  {"Origin": origin.replace("https", "http")})[0], 403)
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.get(self.secure(ssl.create_default_context()), "/api/v1/status")
        shown = [f"-H{name}: {value}" for name, value in self.reader.items()]
        done = subprocess.run(["curl", "-sS", *shown, "--cacert", self.certificate, "--tlsv1.2",
                               "--tls-max", "1.2", f"https://localhost:{self.port}/api/v1/status"],
                              capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(json.loads(done.stdout)["store"]["rows"], 3000)
        self.stop(process)
        # The same certificate at the next start; the key is nobody else's.
        _, again = self.start_tls()
        self.assertEqual([line for line in again if line.startswith("SHA-256")],
                         [line for line in lines if line.startswith("SHA-256")])
        self.assertEqual(stat.S_IMODE(os.stat(self.path("tls-key.pem")).st_mode) & self.MODE_BITS,
                         0o600 & self.MODE_BITS)
        self.assertEqual(self.log().count("made a new certificate"), 1)

    def s_client(self, *options, sent="GET / HTTP/1.0\r\n\r\n"):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-ign_eof",
             "-CAfile", self.certificate, *options],
            input=sent, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def test_old_protocols_weak_ciphers_and_renegotiation_are_refused(self):
        self.start_tls()
        self.assertIn("Verify return code: 0 (ok)", self.s_client())
        self.assertIn("Secure Renegotiation IS supported", self.s_client("-tls1_2"))
        # The client may, with its library's own bar lowered; the server must not agree.
        everything = ["-cipher", "ALL@SECLEVEL=0"]
        for options in (["-tls1", *everything], ["-tls1_1", *everything],
                        ["-tls1_2", "-cipher", "AES128-SHA@SECLEVEL=0"]):
            said = self.s_client(*options)
            self.assertRegex(said, r"alert protocol version|alert handshake failure")
            self.assertNotIn("HTTP/1.1", said)
        self.assertIn("Compression: NONE", self.s_client("-tls1_2"))
        with subprocess.Popen(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-tls1_2"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True) as client:
            client.stdin.write("R\n")
            client.stdin.flush()
            self.assertIn("no renegotiation", client.stdout.read())

    def test_streams_over_tls(self):
        self.know_reader()
        with open(self.path("log"), "ab") as log:
            process = subprocess.Popen(
                [PROGRAM, "serve", "--source", "stdin:xml", "--db", self.db, "--listen",
                 "127.0.0.1:0", "--tls", "self-signed"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.addCleanup(self.end, process)
        self.addCleanup(process.stdin.close)
        self.port = int(process.stdout.readline().strip().rsplit(":", 1)[1])
        self.certificate = self.path("tls-cert.pem")
        streams = []
        for _ in range(20):
            raw = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            stream = self.trusting().wrap_socket(raw, server_hostname="127.0.0.1")
            self.addCleanup(stream.close)
            shown = "".join(f"{name}: {value}\r\n" for name, value in self.reader.items())
            stream.sendall(f"GET /api/v1/events/stream?after=0 HTTP/1.1\r\n"
                           f"Host: 127.0.0.1:{self.port}\r\n{shown}\r\n".encode())
            streams.append(stream)
        for first in (1, 1001):
            process.stdin.write(rendered_events(first, first + 999))
            process.stdin.flush()
            time.sleep(0.1)  # so that the second thousand comes to streams that are live
        for stream in streams:
            ids = []
            for event, number, _ in sse_frames(stream):
                if event == "block":
                    ids.append(int(number))
                if len(ids) == 2000:
                    break
            self.assertEqual(ids, sorted(set(ids)))
            self.assertEqual(len(ids), 2000)

    def test_stalled_handshakes_and_garbage_hold_nobody(self):
        process, _ = self.start_tls()
        stalled = []
        for number in range(STALLED):
            client = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.addCleanup(client.close)
            client.sendall((b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")[number % 2])
            stalled.append(client)
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(70_000), b"\x16\x03\x01" + b"\xff" * 9000):
            with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
                try:
                    client.sendall(garbage)
                    while client.recv(4096):
                        pass
                except OSError:
                    pass
        worst = 0.0
        for _ in range(20):
            began = time.monotonic()
            self.assertEqual(self.get(self.secure(), "/health/live")[0], 200)
            worst = max(worst, time.monotonic() - began)
        self.assertLess(worst, 3)
        self.assertIsNone(process.poll())
        # The time of a head, ten seconds, is that of a handshake too.
        began = time.monotonic()
        for client in stalled:
            try:
                while client.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        self.assertLess(time.monotonic() - began, 30)
        print(f"stalled {STALLED}, cut {len(stalled)}; slowest answer meanwhile {worst * 1000:.0f} ms")

    # From elsewhere

    def test_from_elsewhere_every_request_needs_a_token(self):
        address = outside_address()
        if address is None:
            self.skipTest("this machine has no address beside the loopback's")
        token = self.token()
        process, lines = self.start("--listen", "127.0.0.1:0", "--listen", address + ":0",
                                    "--tls", "self-signed", "--allow-host", "logs.example.test")
        self.assertTrue(lines[1].startswith(f"listening on https://{address}:"), lines)
        port = int(lines[1].rsplit(":", 1)[1])
        context = ssl.create_default_context(cafile=self.path("tls-cert.pem"))

        def ask(headers):
            connection = SecureConnection(address, port, timeout=60, context=context)
            return self.get(connection, "/api/v1/status", headers)[0]

        self.assertEqual(ask({}), 401)
        self.assertEqual(ask({"Authorization": "Bearer " + token}), 200)
        known = {"Authorization": "Bearer " + token, "Host": f"logs.example.test:{port}"}
        self.assertEqual(ask(known), 200)
        self.assertEqual(ask(known | {"Host": f"evil.test:{port}"}), 421)
        names = subprocess.run(
            ["openssl", "x509", "-in", self.path("tls-cert.pem"), "-noout", "-ext", "subjectAltName"],
            capture_output=True, text=True, check=True).stdout
        for name in (f"IP Address:{address}", "DNS:logs.example.test", "DNS:localhost"):
            self.assertIn(name, names)
        self.stop(process)

    # Secrets

    def test_no_secret_is_logged_or_on_a_command_line(self):
        token = self.token("admin")
        process, lines = self.start("--listen", "127.0.0.1:0", "--tls", "self-signed")
        self.port = int(lines[0].rsplit(":", 1)[1])
        self.certificate = self.path("tls-cert.pem")
        wrong = "bwt_" + "w" * 43
        for headers in ({"Authorization": "Bearer " + token}, {"Authorization": "Bearer " + wrong}):
            self.get(self.secure(), "/api/v1/status", headers)
        self.assertEqual(self.get(self.secure(), "/api/v1/status?token=" + token)[0], 400)
        connection = self.secure()
        connection.request("PATCH", "/api/v1/audit/policy/logon", body='{"failure":true}', headers={
            "Authorization": "Bearer " + token, "Content-Type": "application/json", "If-Match": "*"})
        self.assertEqual(connection.getresponse().status, self.POLICY_STATUS)
        with open(f"/proc/{process.pid}/cmdline", encoding="utf-8") as file:
            command_line = file.read()
        self.stop(process)
        with open(self.path("tls-key.pem"), encoding="utf-8") as file:
            key = [line for line in file.read().split("\n") if len(line) > 40 and "--" not in line]
        told = self.log() + command_line + "\n".join(lines)
        for name in os.listdir(self.folder):
            if name.startswith("test.db"):
                with open(self.path(name), "rb") as file:
                    told += file.read().decode("latin-1")
        self.assertTrue(key)
        for secret in [token, wrong, token[4:], wrong[4:], *key[:2]]:
            self.assertNotIn(secret, told)
        with open(self.path("tokens.json"), encoding="utf-8") as file:
            self.assertNotIn(token[4:], file.read())


if __name__ == "__main__":
    unittest.main(verbosity=2)
