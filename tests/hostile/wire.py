"""HTTP as bytes: what is sent need not be HTTP, and every answer that comes back is seen."""

import http.client
import io
import select
import time

PIECE = 64 << 10


class _Bytes:
    """What http.client takes for a socket."""

    def __init__(self, file):
        self.file = file

    def makefile(self, _mode):
        return self.file


class _Kept(io.BytesIO):
    """Stays open when a response is done with it: another may follow."""

    def close(self):
        pass


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


def parse(received, method="GET"):
    """Every answer in the bytes; raises what http.client raises when they are no answers."""
    file = _Kept(received)
    answers = []
    while file.tell() < len(received):
        response = http.client.HTTPResponse(_Bytes(file), method=method)
        response.begin()
        answers.append(Answer(response.status, response.headers, response.read()))
    return answers


def exchange(connection, pieces, patience=6, method="GET"):
    """Sends the pieces until the server says something, then reads until it closes: (answers, closed)."""
    connection.setblocking(False)
    pieces, rest, received, closed = iter(pieces), b"", b"", False
    sending, deadline = True, time.monotonic() + patience
    while not closed and (left := deadline - time.monotonic()) > 0:
        if sending and not rest:
            rest = next(pieces, b"")
            sending = bool(rest)
        readable, writable, _ = select.select([connection], [connection] if rest else [], [], left)
        try:
            if readable:
                piece = connection.recv(PIECE)
                received, closed, rest = received + piece, not piece, b""
                sending = False
            elif writable:
                rest = rest[connection.send(rest):]
                deadline = time.monotonic() + patience
        except (ConnectionResetError, BrokenPipeError):
            closed = True
    connection.close()
    return parse(received, method), closed


def repeated(piece, times):
    return (piece for _ in range(times))
