"""Rules of the kernel, by libnftables: each text is one netlink transaction, all or nothing.

In this process rather than by the command: a renewal costs 0.1 ms.
"""

from __future__ import annotations

import ctypes

from recovery.core.errors import BadConfiguration

LIBRARY = "libnftables.so.1"


class Nft:
    """A conversation with the kernel of this process's network namespace."""

    def __init__(self) -> None:
        try:
            library = ctypes.CDLL(LIBRARY)
        except OSError as error:
            raise BadConfiguration(
                f"{LIBRARY} is not here.",
                field="gate",
                todo='apt-get install libnftables1, or use gate = "watchdog".',
            ) from error
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        library.nft_ctx_new.restype = ctypes.c_void_p
        for name in ("nft_ctx_buffer_error", "nft_ctx_buffer_output", "nft_ctx_free"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        for name in ("nft_ctx_get_error_buffer", "nft_ctx_get_output_buffer"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
            getattr(library, name).restype = ctypes.c_char_p
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self._library = library
        self._context = library.nft_ctx_new(0)
        library.nft_ctx_buffer_error(self._context)
        library.nft_ctx_buffer_output(self._context)

    def run(self, text: str) -> str:
        """Does it; what the kernel showed. `OSError` with its words when it refuses."""
        library, context = self._library, self._context
        if library.nft_run_cmd_from_buffer(context, text.encode()) != 0:
            words = library.nft_ctx_get_error_buffer(context) or b""
            raise OSError(1, words.decode(errors="replace").strip()[:300])
        shown: bytes = library.nft_ctx_get_output_buffer(context) or b""
        return shown.decode()

    def close(self) -> None:
        self._library.nft_ctx_free(self._context)
