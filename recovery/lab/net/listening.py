"""Which TCP ports are listened on, asked of the kernel (NETLINK_SOCK_DIAG); cheap and unprivileged.

The relay mirrors on a host's public address whatever listens on its inner one: containers,
databases, anything, without anybody having to tell it.
"""

from __future__ import annotations

import socket
import struct

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_DUMP = 0x1 | 0x300
_DONE, _ERROR = 3, 2
_LISTEN_STATE = 1 << 10
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI48x")
_ID = struct.Struct("!HH4s")


class Listening:
    """A netlink socket that is asked again and again."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def by_address(self) -> dict[str, set[int]]:
        """IPv4 address → ports that are listened on now."""
        self._sequence += 1
        body = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _LISTEN_STATE)
        size = _HEADER.size + len(body)
        self._socket.send(_HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _DUMP, self._sequence, 0) + body)
        found: dict[str, set[int]] = {}
        while True:
            data = self._socket.recv(256 * 1024)
            if self._take(data, found):
                return found

    def _take(self, data: bytes, found: dict[str, set[int]]) -> bool:
        """Adds one datagram of messages; True at the end of the dump."""
        offset = 0
        while offset + _HEADER.size <= len(data):
            size, kind, _, sequence, _ = _HEADER.unpack_from(data, offset)
            if sequence == self._sequence:
                if kind in (_DONE, _ERROR):
                    return True
                port, _, address = _ID.unpack_from(data, offset + _HEADER.size + 4)
                found.setdefault(socket.inet_ntoa(address), set()).add(port)
            offset += (size + 3) & ~3
        return False
