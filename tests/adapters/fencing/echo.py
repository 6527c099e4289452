"""A server that takes every line and sends it back, on IPv4 and IPv6. Forks for each client, as
PostgreSQL does, each child a session of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys


def serve(port: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) as door:
        while True:
            client, _ = door.accept()
            if os.fork() == 0:
                os.setsid()
                door.close()
                while data := client.recv(1024):
                    client.sendall(data)
                os._exit(0)
            client.close()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
