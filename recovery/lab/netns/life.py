"""The mark of life: rules of the kernel that last exactly as long as a host's first process.

Invariant: when that process ends, however it ends, the kernel closes its descriptors, takes the
rules away, and only then ends what lives in its pid namespace. So nothing that dies with the
host can still say so: no reset, no end of a connection leaves it.
"""

from __future__ import annotations

import ctypes

from recovery.lab.netns.rules import LIFE

LIBRARY = "libnftables.so.1"


class Life:
    """Holds them. A forked child that is not to hold them too lets go at once."""

    def __init__(self) -> None:
        library = ctypes.CDLL(LIBRARY)
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        library.nft_ctx_free.argtypes = [ctypes.c_void_p]
        self._free = library.nft_ctx_free
        self._context = library.nft_ctx_new(0)
        if library.nft_run_cmd_from_buffer(self._context, LIFE.encode()) != 0:
            self.let_go()
            raise OSError("nftables cannot tie rules to a process here (Linux 5.12 can)")

    def let_go(self) -> None:
        """Closes this process's descriptor of them."""
        self._free(self._context)
