"""Who may ask: processes of other users that really connect, sessions, tickets, the order of the trail."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from blockwatch_server import Server

PROGRAM = sys.argv[1]
del sys.argv[1]
STRANGER = 54321
GROUP = 54322


def as_user(uid, groups, work):
    """What work() gives as bytes, done by a process of this user. Without exec: the interpreter may be root's."""
    end, start = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups(groups)
            os.setgid(uid)
            os.setuid(uid)
            with os.fdopen(start, "wb") as output:
                output.write(work())
            code = 0
        finally:
            os._exit(code)
    os.close(start)
    with os.fdopen(end, "rb") as reader:
        answer = reader.read()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise AssertionError("the other user's process failed")
    return answer


class AccessTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="blockwatch-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.db = os.path.join(self.folder, "test.db")

    def server(self, *options):
        server = Server(PROGRAM, self.folder, "--source", "none", *options)
        self.addCleanup(server.__exit__)
        return server

    def ask_as(self, uid, groups, server, target="/api/v1/events", method="GET"):
        """(status, problem or answer) of a request that another user's process makes."""
        request = (f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
                   "Content-Length: 0\r\n\r\n")

        def talk():
            with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
                connection.sendall(request.encode())
                with connection.makefile("rb") as reader:
                    return reader.read()

        head, _, body = as_user(uid, groups, talk).decode().partition("\r\n\r\n")
        return int(head.split()[1]), json.loads(body)

    @unittest.skipUnless(os.geteuid() == 0, "only root may become another user")
    def test_other_users_need_a_token(self):
        server = self.server()
        self.assertEqual(server.get("/api/v1/events")["events"], [])
        for target in ("/api/v1/events", "/api/v1/events/stream", "/metrics", "/api/v1/audit/changes"):
            status, problem = self.ask_as(STRANGER, [], server, target)
            self.assertEqual((status, problem["code"]), (401, "token_required"), target)
            self.assertIn(f"uid {STRANGER}", problem["hint"])
        for target in ("/api/v1/session-codes", "/api/v1/stream-tickets"):
            self.assertEqual(self.ask_as(STRANGER, [], server, target, "POST")[0], 401, target)
        self.assertEqual(self.ask_as(STRANGER, [], server, "/health/live")[0], 200)

    @unittest.skipUnless(os.geteuid() == 0, "only root may become another user")
    def test_members_of_a_group_may_read(self):
        # The user bin is in the group bin on every Debian, and the system's directory says so.
        uid = int(subprocess.run(["id", "-u", "bin"], capture_output=True, text=True, check=True).stdout)
        server = self.server("--allow-group", "bin")
        self.assertEqual(self.ask_as(uid, [], server)[0], 200)
        self.assertEqual(self.ask_as(STRANGER, [], server)[0], 401)
        # A reader's session reads, and nothing more.
        status, made = self.ask_as(uid, [], server, "/api/v1/session-codes", "POST")
        self.assertEqual(status, 201)
        session = self.open_session(server, made["code"])
        self.assertEqual(session["scopes"], ["read"])
        bearer = {"Authorization": f"Bearer {session['token']}"}
        self.assertEqual(server.request("/api/v1/audit/backups", "POST", b"", bearer)[0], 403)

    def test_an_unknown_group_is_refused(self):
        done = subprocess.run([PROGRAM, "--listen", "127.0.0.1:0", "--db", self.db, "--allow-group", "no such group"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)

    def open_session(self, server, code):
        status, _, body = server.request("/api/v1/session", "POST", json.dumps({"code": code}).encode(),
                                         {"Content-Type": "application/json"})
        self.assertEqual(status, 201, body)
        return json.loads(body)

    def open_link(self, server, code=0, token=None):
        environment = dict(os.environ, BLOCKWATCH_TOKEN=token or "")
        done = subprocess.run([PROGRAM, "open", "--listen", f"127.0.0.1:{server.port}"], capture_output=True,
                              text=True, timeout=60, check=False, env=environment)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout.strip() if code == 0 else done.stderr

    def test_a_link_opens_a_session_once(self):
        server = self.server("--source", "none")
        link = self.open_link(server)
        self.assertTrue(link.startswith(f"{server.url}/#code=bwc_"), link)
        session = self.open_session(server, link.partition("#code=")[2])
        self.assertEqual(session["scopes"], ["admin"])
        status, _, _ = server.request("/api/v1/session", "POST",
                                      json.dumps({"code": link.partition("#code=")[2]}).encode(),
                                      {"Content-Type": "application/json"})
        self.assertEqual(status, 403)
        bearer = {"Authorization": f"Bearer {session['token']}"}
        self.assertEqual(server.request("/api/v1/audit/backups", "POST", b"", bearer)[0], 201)
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as log:
            self.assertNotIn(session["token"], log.read())

    def test_where_a_token_is_needed_open_needs_one_too(self):
        made = subprocess.run([PROGRAM, "token", "create", "--name", "desk", "--scope", "read", "--db", self.db],
                              capture_output=True, text=True, timeout=60, check=True)
        server = self.server("--require-token")
        self.assertIn("BLOCKWATCH_TOKEN", self.open_link(server, code=1))
        link = self.open_link(server, token=made.stdout.strip())
        session = self.open_session(server, link.partition("#code=")[2])
        self.assertEqual(session["scopes"], ["read"])
        bearer = {"Authorization": f"Bearer {session['token']}"}
        self.assertEqual(server.request("/api/v1/events", headers=bearer)[0], 200)
        # A ticket for a client without headers: once.
        status, _, body = server.request("/api/v1/stream-tickets", "POST", b"", bearer)
        self.assertEqual(status, 201, body)
        target = f"/api/v1/events/stream?ticket={json.loads(body)['ticket']}"
        for expected in (b" 200 ", b" 401 "):
            with server.stream(target) as connection:
                self.assertIn(expected, connection.makefile("rb").readline())
        # The session ends with the token that it was opened with.
        subprocess.run([PROGRAM, "token", "revoke", "desk", "--db", self.db], capture_output=True, timeout=60,
                       check=True)
        self.assertEqual(server.request("/api/v1/events", headers=bearer)[0], 401)

    @unittest.skipUnless(os.geteuid() == 0, "only root may become another user")
    def test_open_tells_nothing_to_a_program_of_somebody_else(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            port = listener.getsockname()[1]
            runs = subprocess.Popen([PROGRAM, "open", "--listen", f"127.0.0.1:{port}"], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True,
                                    env=dict(os.environ, BLOCKWATCH_TOKEN="bwt_secret"))

            def spy():
                """Answers every request on one connection, and tells what it was sent."""
                told = b""
                with listener.accept()[0] as connection:
                    while piece := connection.recv(65536):
                        told += piece
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return told

            told = as_user(STRANGER, [], spy)
        errors = runs.communicate(timeout=60)[1]
        self.assertEqual(runs.returncode, 1)
        self.assertIn("not to you", errors)
        self.assertIn(b"/health/live", told)
        self.assertNotIn(b"bwt_secret", told)

    def test_refused_changes_leave_a_trace_that_cannot_be_edited_unseen(self):
        server = self.server()
        for _ in range(40):
            self.assertEqual(server.request("/api/v1/audit/policy", "PUT", b"{}",
                                            {"Content-Type": "application/json"})[0], 401)
        refused = server.get("/api/v1/audit/refusals")["refusals"]
        self.assertEqual(len(refused), 30, "the others of this minute are only counted")
        self.assertEqual({r["status"] for r in refused}, {401})
        self.assertEqual(refused[0]["peer"], f"uid {os.geteuid()}")
        self.assertTrue(server.get("/api/v1/audit/changes")["chain"]["intact"])
        self.assertEqual(server.stop()[0], 0)
        verify = [PROGRAM, "audit", "verify", "--db", self.db]
        self.assertTrue(subprocess.run(verify, capture_output=True, text=True, timeout=60, check=True)
                        .stdout.startswith("intact: "))
        with sqlite3.connect(self.db + ".audit") as trail:
            trail.execute("UPDATE refusal SET status = 412 WHERE id = 7")
        trail.close()
        found = subprocess.run(verify, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(found.returncode, 1)
        self.assertIn("refusal 7 was changed", found.stderr)


if __name__ == "__main__":
    unittest.main()
