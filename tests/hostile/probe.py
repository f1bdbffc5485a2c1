"""probe.py PORT PID: asks /health/live until its input ends, then writes what it measured as JSON. A process of its own, so
that attackers written in Python do not slow it down."""

import json
import re
import select
import socket
import sys
import time

PAUSE_S = 0.02
PATIENCE_S = 4


def ask(port):
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        connection.sendall(f"GET /health/live HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
    return (time.monotonic() - start) * 1000


def anonymous_kb(pid):
    """Without mapped files: those are the system's cache."""
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"RssAnon:\s+(\d+)", status.read())[1])


def main():
    port, pid = int(sys.argv[1]), int(sys.argv[2])
    times, failed, memory = [], 0, 0
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        try:
            memory = max(memory, anonymous_kb(pid))
            times.append(ask(port))
        except (OSError, AssertionError) as error:
            print("probe:", error, file=sys.stderr)
            failed += 1
    times.sort()
    print(json.dumps({
        "asked": len(times) + failed,
        "failed": failed,
        "p99_ms": times[int(len(times) * 0.99)] if times else 0,
        "worst_ms": times[-1] if times else 0,
        "memory_kb": memory,
    }))


if __name__ == "__main__":
    main()
