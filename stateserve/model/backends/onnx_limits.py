"""What a pass of ONNX Runtime may hold, and how long it may take.

A graph may be of anybody, and the sizes in it depend on values: they are known only as it runs.
"""

import os
import re
import threading
import time
from functools import cache
from typing import TYPE_CHECKING

from stateserve.errors import ForwardFailed
from stateserve.text import first_line

if TYPE_CHECKING:
    from onnxruntime import RunOptions

# Of all tensors that the passes of this process hold, beside the weights.
MAX_BYTES = 2**32
# What they need more goes back to the system after each pass.
KEPT_BYTES = 2**28
SHRINK = ("memory.enable_memory_arena_shrinkage", "cpu:0")
MAX_SECONDS = 60.0
# Between two looks at the clock.
PERIOD = 1.0


@cache
def limit_memory() -> None:
    """Make the allocator of all sessions of this process that ask for a shared one."""
    import onnxruntime as ort

    memory = ort.OrtMemoryInfo(
        "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
    )
    limits = {"max_mem": MAX_BYTES, "initial_chunk_size_bytes": KEPT_BYTES}
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg(limits))


class PassClock:
    """Ends passes that take too long, between two of their nodes."""

    def __init__(self) -> None:
        self._ends: dict[int, tuple[float, RunOptions]] = {}
        # The process whose clock runs: a thread does not survive a fork.
        self._process = 0

    def start(self, options: "RunOptions", seconds: float) -> None:
        # An earlier pass with these options may have ended as its time did.
        options.terminate = False
        self._ends[id(options)] = (time.monotonic() + seconds, options)
        if self._process != os.getpid():
            # Two of them do no harm.
            threading.Thread(target=self._watch, name="onnx-clock", daemon=True).start()
            self._process = os.getpid()

    def stop(self, options: "RunOptions") -> None:
        del self._ends[id(options)]

    def _watch(self) -> None:
        while True:
            time.sleep(PERIOD)
            for end, options in list(self._ends.values()):
                if time.monotonic() > end:
                    options.terminate = True


def pass_failure(error: Exception, options: "RunOptions", seconds: float) -> ForwardFailed:
    """What a pass with these options has failed of: a limit, or the error itself."""
    text = str(error)
    if options.terminate:
        return ForwardFailed(f"the pass of the ONNX graph takes more than {seconds:g} seconds")
    if "Available memory of " in text:
        found = re.search(r"running (\w{1,100}) node", text)
        place = f"at {found[1]} " if found else ""
        return ForwardFailed(f"{place}the ONNX graph holds more than {MAX_BYTES} bytes")
    return ForwardFailed(f"ONNX Runtime: {first_line(error)}")
