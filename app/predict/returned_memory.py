"""Returns freed memory to the system, of which glibc keeps hundreds of megabytes otherwise."""

import asyncio
import ctypes

# After an answer, so that the memory of the answer itself, which is sent then, is free as well.
PAUSE_SECONDS = 1


def return_free_memory() -> None:
    """Return what is free now. It takes some hundredths of a second, in which the caller's thread
    blocks no other."""
    # Other C libraries have no such function, and keep less.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


class FreeMemory:
    """Returns it soon, in a thread, once for all requests that end meanwhile."""

    def __init__(self) -> None:
        self._planned = False

    def return_soon(self) -> None:
        if not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._return)

    def _return(self) -> None:
        self._planned = False
        asyncio.get_running_loop().run_in_executor(None, return_free_memory)
