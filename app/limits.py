"""The limits that the system sets to a process: memory, open files, threads."""

import contextlib
import resource
import threading

from app.errors import LimitError

# What torch's build for CPUs maps. Where less is allowed, its libraries abort the process.
FEWEST_BYTES = 768 * 2**20
# Its stack, and an arena of glibc's malloc. A thread without room for them may never start.
BYTES_PER_THREAD = 80 * 2**20
# Open files of one process before any connection; each worker's sockets and pipes are also those
# of the others.
FEWEST_FILES, FILES_PER_WORKER = 64, 4
# For the log, for changes of the models folder (two), for forward passes, and for requests.
FEWEST_THREADS = 5


def require_memory(threads: int = 0) -> None:
    """Raises LimitError if this process may not map what torch and `threads` threads need."""
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    fewest = FEWEST_BYTES + threads * BYTES_PER_THREAD
    if allowed != resource.RLIM_INFINITY and allowed < fewest:
        raise LimitError(
            f"a process may map {allowed >> 20} MiB of memory (ulimit -v); torch needs "
            f"{fewest >> 20}, and the model its size"
        )


def raise_file_limit(workers: int) -> None:
    """Allow as many open files, and so connections, as the hard limit; the default is 1024.

    Raises LimitError if the hard limit does not suffice for one process.
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    # macOS may report no hard limit, and then rejects an unlimited soft limit.
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    fewest = FEWEST_FILES + FILES_PER_WORKER * workers
    if hard != resource.RLIM_INFINITY and hard < fewest:
        raise LimitError(
            f"a process may open {hard} files (ulimit -Hn); {workers} worker(s) need {fewest}, "
            "and one for each connection"
        )


def require_threads() -> None:
    """Raises LimitError if the system lets this process start fewer than FEWEST_THREADS."""
    end = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(FEWEST_THREADS):
            thread = threading.Thread(target=end.wait)
            thread.start()
            started.append(thread)
    except RuntimeError:
        raise LimitError(
            f"a process can start {len(started)} threads here, and a server needs "
            f"{FEWEST_THREADS}; is there a limit of processes (ulimit -u, pids.max) or of memory "
            "(ulimit -v)?"
        ) from None
    finally:
        end.set()
        for thread in started:
            thread.join()
