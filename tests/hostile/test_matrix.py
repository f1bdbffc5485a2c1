"""Every row of the attack matrix against the program with small stacks: the exact status, a closed connection where the
request was refused, memory, and health throughout.

Environment: BLOCKWATCHD (the program)."""

import gzip
import json

from target import LONG, PROGRAM, Counts, Target
from wire import exchange, repeated

POLICY = "/api/v1/audit/policy"
MEBIBYTE = 1 << 20
KEPT = (200, 204)  # answers after which the connection may be used again
CLOSE = "Connection: close"  # where a handler refuses, which keeps the connection


class Matrix:
    def __init__(self, target, counts):
        self.target, self.counts = target, counts
        self.json_headers = (target.authorized("audit"), "If-Match: *", "Content-Type: application/json")
        self.import_headers = (target.authorized("import"),)

    def row(self, what, status, *pieces, answers=1, allow=False, also=None):
        """One attack; `status` may be several, and None is a connection closed without a word."""
        answered, closed = exchange(self.target.connect(), iter(pieces))
        wanted = status if isinstance(status, tuple) else (status,)
        got = [answer.status for answer in answered]
        holds = len(got) == answers and all(one in wanted for one in got)
        holds = holds and (closed or all(one in KEPT for one in got))
        holds = holds and (not allow or "Allow" in answered[0].headers)
        for answer in answered:
            if answer.status >= 400:
                problem = json.loads(answer.body)
                holds = holds and problem["status"] == answer.status
                holds = holds and answer.headers["Content-Type"].startswith("application/problem+json")
        holds = holds and (also is None or also(answered[0]))
        self.counts.check(what, holds and self.target.alive(),
                          f"wanted {status}, got {got}, {'closed' if closed else 'left open'}, "
                          f"{answered[0].body[:200] if answered else ''}")

    def get(self, what, status, target, *headers, **more):
        self.row(what, status, self.target.head(f"GET {target} HTTP/1.1", *headers), **more)

    def put(self, what, status, headers, body, target=POLICY, **more):
        length = () if any(h.startswith(("Content-Length", "Transfer")) for h in headers) else (
            f"Content-Length: {len(body)}",)
        self.row(what, status, self.target.head(f"PUT {target} HTTP/1.1", *self.json_headers, *headers, *length) + body,
                 **more)

    def heads(self):
        first = self.target.head("GET /api/v1/status HTTP/1.1")[:-2]
        self.row("100,000 headers", 431, first, *repeated(b"X-A: b\r\n" * 1000, 100))
        self.row("a header line of 200 MB", 431, first + b"X-A: ", *repeated(b"a" * MEBIBYTE, 200))
        self.row("a request line of 200 MB", 414, b"GET /", *repeated(b"a" * MEBIBYTE, 200))
        self.row("200 MB without a line's end", 414, *repeated(b"a" * MEBIBYTE, 200))
        self.get("an address of 9,000 bytes", 414, "/?" + "a" * 9000)
        self.get("a query of 100 KB", 414, "/api/v1/events?q=" + "a" * 100_000)
        self.get("10,000 parameters", 414, "/api/v1/events?" + "a=1&" * 10_000)
        self.get("as many parameters as fit", 400, "/api/v1/events?" + "a&" * 4000, CLOSE)
        self.get("a value that a regular expression would choke on", 400, "/api/v1/events?q=" + "(a*)*" * 1600, CLOSE)
        self.get("a path of 8,000 bytes, which recursion would not survive", 414, "/api/v1/events/" + "a" * 8000 + "/x")
        self.get("a header folded over two lines", 400, "/api/v1/status", "X-A: b\r\n c")
        self.get("a blank before the colon", 400, "/api/v1/status", "X-A : b")
        self.get("a header without a colon", 400, "/api/v1/status", "nonsense")
        self.get("a NUL in a header", 400, "/api/v1/status", "X-A: b\0c")
        self.get("a CR in a header", 400, "/api/v1/status", "X-A: b\rc")
        self.row("lines that end with LF alone", 400, self.target.head("GET / HTTP/1.1").replace(b"\r\n", b"\n"))
        self.row("another protocol's first bytes", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\r\n\r\n")
        self.row("HTTP/2's first line", 505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    def names(self):
        own = f"{self.target.host}:{self.target.port}"
        line = "GET /api/v1/status HTTP/1.1"
        self.row("no Host", 400, line.encode() + b"\r\n\r\n")
        self.row("two Hosts", 400, self.target.head(line, f"Host: {own}"))
        for host in ("evil.test", f"evil.test:{self.target.port}", "127.0.0.1:1", "0.0.0.0", f"{own}.evil.test",
                     f"user@{own}", f"localhost.:{self.target.port}", f"2130706433:{self.target.port}",
                     f"[::ffff:127.0.0.1]:{self.target.port}", ""):
            self.row(f"Host {host!r}", (400, 421) if not host else 421, self.target.head(line, host=host or " "))
        for path in ("/api/v1/status", "/", "/docs", "/openapi.json", "/health/live", "/metrics", "/api/v1/events/stream"):
            self.row(f"a foreign Host on {path}", 421, self.target.head(f"GET {path} HTTP/1.1", host="evil.test"))
        for origin in ("http://evil.test", "null", f"https://{own}", f"http://{own}.evil.test", "http://localhost:1",
                       f"http://127.0.0.1:{self.target.port + 1}", "file://", "chrome-extension://abc"):
            self.get(f"Origin {origin}", 403, "/api/v1/status", f"Origin: {origin}")
        for site in ("cross-site", "same-site", "nonsense"):
            self.get(f"Sec-Fetch-Site {site}", 403, "/api/v1/status", f"Sec-Fetch-Site: {site}")
        self.get("an Origin of ours and a foreign one", 403, "/api/v1/status",
                 f"Origin: http://{own}", "Origin: http://evil.test")
        self.get("no CORS for our own Origin", 200, "/api/v1/status", f"Origin: http://{own}", CLOSE,
                 also=lambda answer: "Access-Control-Allow-Origin" not in answer.headers)
        self.row("a preflight", 403, self.target.head(
            f"OPTIONS {POLICY} HTTP/1.1", "Origin: http://evil.test", "Access-Control-Request-Method: PUT",
            "Access-Control-Request-Private-Network: true"))
        self.get("a token in the address", 400, "/api/v1/status?token=" + self.target.token("audit"))

    def framing(self):
        chunk = f"{MEBIBYTE:x}\r\n".encode() + b"a" * MEBIBYTE + b"\r\n"
        post = self.target.head("POST /api/v1/imports HTTP/1.1", *self.import_headers, "Transfer-Encoding: chunked")
        self.row("300 MB in chunks", 411, post, *repeated(chunk, 300))
        self.row("a chunk of a negative size", 411, post, b"-2\r\n", *repeated(b"a" * MEBIBYTE, 300))
        self.row("Transfer-Encoding: identity", 411, post.replace(b"chunked", b"identity"))
        self.row("chunks after the first of several encodings", 411, post.replace(b"chunked", b"gzip, chunked"))
        self.put("two different lengths", 400, ("Content-Length: 5", "Content-Length: 6"), b"[1,2]")
        self.put("two equal lengths", 400, ("Content-Length: 5", "Content-Length: 5"), b"[1,2]")
        self.put("a length and chunks", 411, ("Content-Length: 5", "Transfer-Encoding: chunked"), b"0\r\n\r\n")
        for length in ("abc", "-5", "1e20", "+5", "0x5", "5, 5", "5 5", "", "18446744073709551616", "9" * 400):
            self.put(f"Content-Length {length[:30]!r}", 400, (f"Content-Length: {length}",), b"[1,2]")
        for length in (1 << 63, (1 << 64) - 1):
            self.put(f"a length of {length}", 413, (f"Content-Length: {length}",), b"[1,2]")
        self.row("a GET with a body that is a request", 400,
                 self.target.head("GET /api/v1/status HTTP/1.1", "Content-Length: 60"),
                 self.target.head("GET /health/live HTTP/1.1"))
        self.row("three requests at once", 200,
                 self.target.head("GET /health/live HTTP/1.1") * 2 +
                 self.target.head("GET /health/live HTTP/1.1", CLOSE), answers=3)
        self.get("1,300 ranges", 416, "/docs", "Range: bytes=" + ",".join(["0-99999"] * 1300))
        self.get("two Range headers", 416, "/docs", "Range: bytes=0-1", "Range: bytes=2-3")
        self.put("Expect of something else", 417, ("Expect: a-miracle",), b"{}")

    def bodies(self):
        bomb = gzip.compress(b"\0" * (200 * MEBIBYTE), 9)
        self.put("200 MB as 199 KB of gzip, where no encoding is taken", 415, ("Content-Encoding: gzip",), bomb)
        self.put("an unknown encoding", 415, ("Content-Encoding: br",), b"{}")
        self.json_headers = tuple(h for h in self.json_headers if not h.startswith("Content-Type"))
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json",
                     "multipart/form-data; boundary=a"):
            self.put(f"a change sent as {kind.split(';')[0]}", 415, (f"Content-Type: {kind}",), b'{"preset":"off"}')
        self.put("a change of no type", 415, (), b'{"preset":"off"}')
        part = b"--a\r\nContent-Disposition: form-data; name=x; filename*=UTF-8''" + b"%41" * 2600 + b"\r\n\r\nx\r\n--a--\r\n"
        self.put("a part with a file name of 7,900 bytes", 415, ("Content-Type: multipart/form-data; boundary=a",), part)
        self.json_headers += ("Content-Type: application/json",)
        for name, opening in (("arrays", b"["), ("objects", b'{"a":')):
            self.put(f"60,000 bytes of nested {name}", 400, (CLOSE,), opening * (60_000 // len(opening)))
            self.put(f"100,000 nested {name}", 413, (), opening * 100_000)
        deep = b'{"settings":' + b'{"a":' * 70 + b"1" + b"}" * 71
        self.put("JSON nested 71 deep and complete", 400, (CLOSE,), deep)
        for name, body in (("a member twice", b'{"preset":"off","preset":"connections"}'),
                           ("UTF-8 that is not", b'{"preset":"\xff"}'), ("an overlong slash", b'{"preset":"\xc0\xaf"}'),
                           ("half of a pair", b'{"preset":"\\ud800"}'), ("a NUL", b'{"preset":"\\u0000"}'),
                           ("no object", b"[1]"), ("a number of 400 digits", b'{"preset":' + b"9" * 400 + b"}"),
                           ("1e999", b'{"preset":1e999}'), ("NaN", b'{"preset":NaN}'),
                           ("a byte order mark", b"\xef\xbb\xbf{}"), ("UTF-16", '{"preset":"off"}'.encode("utf-16"))):
            self.put(f"JSON with {name}", 400, (CLOSE,), body)
        self.row("a change without a token", 401, self.target.head(
            f"PUT {POLICY} HTTP/1.1", "If-Match: *", "Content-Type: application/json", "Content-Length: 16") +
            b'{"preset":"off"}')
        self.row("a change with a token of another scope", 403, self.target.head(
            f"PUT {POLICY} HTTP/1.1", self.target.authorized("import"), "If-Match: *",
            "Content-Type: application/json", "Content-Length: 16") + b'{"preset":"off"}')

    def imports(self):
        """A member that grows a thousandfold is read piece by piece, and what it was is told."""
        size = 1000 if LONG else 200
        packed = gzip.compress(b"\0" * (size * MEBIBYTE), 9)
        head = self.target.head("POST /api/v1/imports HTTP/1.1", *self.import_headers, "Content-Encoding: gzip",
                                f"Content-Length: {len(packed)}", CLOSE)
        self.row(f"{len(packed)} bytes of gzip that are {size} MiB", 400, head + packed,
                 also=lambda answer: b"expected" in answer.body)
        nested = packed
        for _ in range(3):
            nested = gzip.compress(nested)
        self.row("gzip within gzip", 400, self.target.head(
            "POST /api/v1/imports HTTP/1.1", *self.import_headers, "Content-Encoding: gzip",
            f"Content-Length: {len(nested)}", CLOSE) + nested)
        for name, body in (("gzip that is cut", packed[:1000]), ("gzip that is damaged", packed[:1000] + b"x" * 1000),
                           ("no gzip", b"<Event/>" * 100)):
            self.row(f"an import of {name}", 400, self.target.head(
                "POST /api/v1/imports HTTP/1.1", *self.import_headers, "Content-Encoding: gzip",
                f"Content-Length: {len(body)}", CLOSE) + body)
        for name in ("../../etc/passwd", "a/b", "C:\\a", "a%00b", "%ff", "a" * 201):
            self.row(f"an import named {name[:20]}", 400, self.target.head(
                f"POST /api/v1/imports?name={name} HTTP/1.1", *self.import_headers, "Content-Length: 8") + b"<Event/>")

    def paths(self):
        for path in ("/../../../../etc/passwd", "/docs/../../../etc/passwd", "/docs/..%2f..%2f..%2fetc%2fpasswd",
                     "/docs/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/docs//etc/passwd", "/docs/....//....//etc/passwd",
                     "/docs/..%5c..%5cwindows%5cwin.ini", "/docs/%252e%252e%252fetc%252fpasswd", "/%c0%ae%c0%ae/etc/passwd",
                     "/api/v1/../../etc/passwd", "/docs/C:%5cwindows%5cwin.ini", "/docs/%5c%5c.%5cpipe%5ca", "/.git/config"):
            self.get(f"path {path}", 404, path, CLOSE)
        self.get("a NUL in the path", 400, "/docs/a%00.html")
        self.row("an address as the target", 400, self.target.head("GET http://evil.test/ HTTP/1.1"))
        for method in ("TRACE", "FOO", "PUT", "PATCH", "DELETE", "POST"):
            self.row(f"{method} on a GET route", 405, self.target.head(f"{method} /api/v1/status HTTP/1.1"), allow=True)
        self.row("CONNECT", 405, self.target.head("CONNECT evil.test:443 HTTP/1.1"), allow=True)
        self.row("OPTIONS", 204, self.target.head("OPTIONS /api/v1/status HTTP/1.1", CLOSE), allow=True)
        self.get("CR LF in a value that is part of an answer's header", 200,
                 "/api/v1/events?limit=1&q=%0d%0aSet-Cookie:%20a=b", CLOSE,
                 also=lambda answer: "Set-Cookie" not in answer.headers)
        self.get("no telling what it runs on", 404, "/nothing",
                 also=lambda answer: "Server" not in answer.headers and "EXCEPTION_WHAT" not in answer.headers)

    def guessing(self):
        """Ten wrong tokens a minute; the right one is never locked out. Last: later rows would see the count."""
        wrong = "Authorization: Bearer bwt_" + "A" * 43
        for _ in range(10):
            self.get("a wrong token", 401, "/api/v1/status", wrong)
        self.get("the eleventh wrong token", 429, "/api/v1/status", wrong,
                 also=lambda answer: int(answer.headers["Retry-After"]) <= 60)
        self.get("the right token then", 200, "/api/v1/status", self.target.authorized("audit"), CLOSE)

    def all(self):
        for group in (self.heads, self.names, self.framing, self.bodies, self.imports, self.paths, self.guessing):
            group()


def main():
    counts = Counts("attack matrix")

    def load():
        with Target(PROGRAM) as target:
            before = target.get(POLICY).json["subcategories"]
            with target.watch() as watch:
                Matrix(target, counts).all()
            print(watch)
            counts.check("the audit policy is as it was", target.get(POLICY).json["subcategories"] == before)
            counts.check("no change was made", target.get("/api/v1/audit/changes").json["changes"] == [])
            return watch.faults()

    counts.watched("memory and health during the matrix", load)
    counts.end()


if __name__ == "__main__":
    main()
