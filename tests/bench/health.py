"""p99 of GET /health/ready while a file is imported at full speed and streams are open.

health.py ADDRESS TOKEN FILE STREAMS
"""

import http.client
import json
import resource
import socket
import sys
import threading
import time
import urllib.parse

address, token, path, streams = sys.argv[1:5]
where = urllib.parse.urlsplit(address)
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def open_stream():
    connection = socket.create_connection((where.hostname, where.port), timeout=30)
    connection.sendall(f"GET /api/v1/events/stream?fields=seq HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    if b" 200 " not in connection.recv(64):
        sys.exit("bench health: a stream was refused")
    return connection


def drain(connections, stop):
    while not stop.is_set():
        for connection in connections:
            try:
                connection.recv(1 << 20, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
        time.sleep(0.05)


def ask(connection, method, target, body=None, headers=None):
    connection.request(method, target, body, headers or {})
    response = connection.getresponse()
    return response.status, response.read()


def median_and_p99(milliseconds):
    ordered = sorted(milliseconds)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


open_streams = [open_stream() for _ in range(int(streams))]
stop = threading.Event()
drainer = threading.Thread(target=drain, args=(open_streams, stop))
drainer.start()
asker = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
with open(path, "rb") as file:
    status, text = ask(http.client.HTTPConnection(where.hostname, where.port, timeout=60), "POST",
                       "/api/v1/imports?name=bench", file.read(),
                       {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"})
times = []
try:
    if status != 202:
        sys.exit(f"bench health: the import was answered with {status}: {text!r}")
    target = "/api/v1/imports/" + json.loads(text)["id"]
    state = ""
    while state not in ("done", "failed"):
        for _ in range(20):
            begin = time.perf_counter()
            code, _ = ask(asker, "GET", "/health/ready")
            times.append((time.perf_counter() - begin) * 1000)
            if code != 200:
                sys.exit(f"bench health: not ready during the import: {code}")
        state = json.loads(ask(asker, "GET", target)[1])["state"]
finally:
    stop.set()
    drainer.join()
middle, late = median_and_p99(times)
print(f"health during an import with {streams} streams: p50 {middle:.1f} ms, p99 {late:.1f} ms ({len(times)} requests)")
