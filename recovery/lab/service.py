"""The lab's container: a small HTTP server that says who it is.

Run as `python -I -S service.py --address A --port P ...`: it imports next to nothing, so that it
answers within a few hundredths of a second. GET / and /healthz and POST / are answered with
JSON; connections are kept.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys

MAX_REQUEST = 64 * 1024


def arguments(argv: list[str]) -> dict[str, str]:
    """`--name value` pairs."""
    return {argv[i][2:]: argv[i + 1] for i in range(0, len(argv) - 1, 2)}


def body_of(options: dict[str, str]) -> bytes:
    """The JSON that every answer carries."""
    names = ("host", "application", "container", "generation", "version")
    fields = [f'"{name}": "{options.get(name, "")}"' for name in names]
    return ("{" + ", ".join(fields) + f', "pid": {os.getpid()}' + "}\n").encode()


def answer(status: str, body: bytes, keep: bool) -> bytes:
    """One HTTP response."""
    ending = "keep-alive" if keep else "close"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {ending}\r\n\r\n"
    )
    return head.encode() + body


def next_request(data: bytes) -> tuple[bytes, bytes] | None:
    """(head, rest) of the first whole request in `data`, None while it is incomplete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    length = 0
    for line in head.split(b"\r\n")[1:]:
        if line.startswith(b"content-length:") and line[15:].strip().isdigit():
            length = int(line[15:].strip())
    whole = end + 4 + length
    return (data[:end], data[whole:]) if len(data) >= whole else None


def respond(head: bytes, body: bytes) -> tuple[bytes, bool]:
    """(response, keep) for one request."""
    line = head.split(b"\r\n", 1)[0].split(b" ")
    lowered = head.lower()
    keep = b"connection: close" not in lowered
    if len(line) != 3 or not line[2].startswith(b"HTTP/1."):
        return answer("400 Bad Request", b"{}\n", False), False
    if line[2] == b"HTTP/1.0" and b"connection: keep-alive" not in lowered:
        keep = False
    method, path = line[0], line[1].split(b"?", 1)[0]
    if method not in (b"GET", b"POST", b"HEAD"):
        return answer("405 Method Not Allowed", b"{}\n", keep), keep
    if path not in (b"/", b"/healthz"):
        return answer("404 Not Found", b"{}\n", keep), keep
    whole = answer("200 OK", body, keep)
    return (whole[: -len(body)] if method == b"HEAD" else whole), keep


class Server:
    """One epoll loop over all connections."""

    def __init__(self, address: str, port: int, body: bytes) -> None:
        self.body = body
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(256)
        self.listener.setblocking(False)
        self.poll = select.epoll()
        self.poll.register(self.listener, select.EPOLLIN)
        self.connections: dict[int, socket.socket] = {}
        self.received: dict[int, bytes] = {}

    def run(self) -> None:
        """Serves for ever."""
        while True:
            for descriptor, _ in self.poll.poll():
                if descriptor == self.listener.fileno():
                    self.accept()
                else:
                    self.serve(descriptor)

    def accept(self) -> None:
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections[connection.fileno()] = connection
        self.received[connection.fileno()] = b""
        self.poll.register(connection, select.EPOLLIN)

    def serve(self, descriptor: int) -> None:
        """Reads what came and answers every whole request in it."""
        connection = self.connections[descriptor]
        try:
            chunk = connection.recv(MAX_REQUEST)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        data = self.received[descriptor] + chunk
        keep = bool(chunk) and len(data) <= MAX_REQUEST
        while keep and (request := next_request(data)) is not None:
            head, data = request
            response, keep = respond(head, self.body)
            try:
                connection.sendall(response)
            except OSError:
                keep = False
        self.received[descriptor] = data
        if not keep:
            self.drop(descriptor)

    def drop(self, descriptor: int) -> None:
        self.poll.unregister(descriptor)
        self.connections.pop(descriptor).close()
        del self.received[descriptor]


def main() -> None:
    options = arguments(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Server(options["address"], int(options["port"]), body_of(options)).run()


if __name__ == "__main__":
    main()
