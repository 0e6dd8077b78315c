"""Keeps freed memory in the process, since a forward pass allocates the same again.

glibc returns large blocks to the system as they are freed, and in a thread also smaller ones. Each
pass then waits for the kernel, which fills every page with zeros: a LeNet takes half as long on 32
pictures without that. Source: mallopt(3).
"""

import ctypes

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
# The largest that glibc accepts.
LARGEST_KEPT_BLOCK = 32 * 2**20
MOST_KEPT = 128 * 2**20


def keep_freed_memory() -> None:
    """Keep up to MOST_KEPT bytes; other C libraries than glibc are left as they are."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK)
        mallopt(M_TRIM_THRESHOLD, MOST_KEPT)
