"""weak_sql.py: a server with a plain hole, on a port that it prints. sqlmap must find it, or its silence means nothing."""

import http.server
import sqlite3
import urllib.parse

rows = sqlite3.connect(":memory:", check_same_thread=False)
rows.execute("create table event (id integer, text text)")
rows.executemany("insert into event values (?, ?)", [(n, f"abc{n}") for n in range(50)])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query).get("q", [""])[0]
        try:
            found, status = rows.execute(f"select id, text from event where text like '%{asked}%'").fetchall(), 200
        except sqlite3.Error:
            found, status = "error", 500
        body = str(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# One thread: the database is used by one.
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
