"""A tar archive read as it comes, piece by piece, however it is cut. Pure.

Invariant: every byte of it is told once, in order, to whom it belongs; one that ends too early or
has a head that cannot be right is never taken for whole.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from recovery.core.errors import TocsinError

_BLOCK = tarfile.BLOCKSIZE
_EMPTY = bytes(_BLOCK)


class BadTar(TocsinError):
    """No archive, or not all of it."""


class Tarred:
    """`read` gives what a piece holds: a member where one begins, then bytes of it."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._name = ""
        self._left = self._padding = 0

    def read(self, piece: bytes | memoryview) -> Iterator[tarfile.TarInfo | memoryview]:
        view = memoryview(piece)
        while view:
            if self._left:
                found, view = view[: self._left], view[self._left :]
                self._left -= len(found)
                yield found
            elif self._padding:
                size = min(self._padding, len(view))
                self._padding, view = self._padding - size, view[size:]
            else:
                size = _BLOCK - len(self._head)
                self._head, view = self._head + view[:size], view[size:]
                if len(self._head) == _BLOCK and (member := self._begun()):
                    yield member

    def _begun(self) -> tarfile.TarInfo | None:
        """By its head; None where it is one of the empty ones that fill an archive up."""
        head, self._head = bytes(self._head), bytearray()
        if head == _EMPTY:
            return None
        try:
            member = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise BadTar(f"no head of a file follows {self._name or 'its beginning'}") from error
        self._name = member.name
        self._left = member.size if member.isreg() else 0
        self._padding = -self._left % _BLOCK
        return member

    def end(self) -> None:
        """Nothing follows."""
        if self._left or self._padding or self._head:
            raise BadTar(f"it ends in the middle, after {self._name or 'nothing'}")
