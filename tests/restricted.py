"""Runs a program of the project in this process, which first gives up rights or space.

`python -m tests.restricted RESTRICTION ARGUMENTS... -- PROGRAM ARGUMENTS...`, usually in a fork:
`forked("tests.restricted", ...)`. Linux.
"""

import ctypes
import importlib.abc
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.faults.refused import refuse  # noqa: F401 - it is a restriction, too
from tests.preloaded import become

# Of <linux/capability.h>: to read and write files against their permissions.
CAP_DAC_OVERRIDE = 1
PR_SET_KEEPCAPS = 8
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_PDEATHSIG = 1
CAPABILITY_VERSION_3 = 0x20080522
STREAMS = ("stdin", "stdout", "stderr")
LIBC = ctypes.CDLL(None, use_errno=True)


def skip_without(*namespaces: str) -> None:
    """Skip the test if this process may not make such namespaces, `mount` or `pid`."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *rights, "--fork", *(f"--{each}" for each in namespaces), "true"]
    # Not needed in a fork.
    import pytest

    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no right to make a namespace: {tried.stderr}")


def small_disks(*disks: str) -> None:
    """FOLDER=SIZE...: only this process and its children see these disks, which end with them."""
    _unshare(CLONE_NEWNS)
    _call(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    for disk in disks:
        folder, _, size = disk.rpartition("=")
        _call(LIBC.mount(b"none", os.fsencode(folder), b"tmpfs", 0, b"size=" + size.encode()))


def full_disk(folder: str, free: str, old: str, result: str) -> Callable[[], object]:
    """Make FOLDER a disk with the files of OLD and FREE bytes of space.

    At the end its files are copied to RESULT, since the disk ends with this process.
    """
    small_disks(f"{folder}=256k")
    shutil.copytree(old, folder, dirs_exist_ok=True)
    filler = Path(folder) / "filler"
    with filler.open("wb", buffering=0) as file:
        disk = os.statvfs(folder)
        file.write(bytes(disk.f_bavail * disk.f_frsize - int(free)))
    return lambda: shutil.copytree(folder, result, dirs_exist_ok=True)


def process_1() -> None:
    """Become process 1, for which the kernel ignores signals without a handler."""
    _unshare(CLONE_NEWPID)
    if child := os.fork():
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    _call(LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


def without_rights() -> None:
    """Without root's right to read files against their permissions."""
    header = struct.pack("Ii", CAPABILITY_VERSION_3, 0)
    _call(LIBC.capset(header, bytes(24)))


def few_processes(count: str) -> None:
    """As another user, who may have COUNT processes and threads. For root alone."""
    _call(LIBC.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    user = 100_000 + os.getpid()
    os.setresuid(user, user, user)
    header, rights = struct.pack("Ii", CAPABILITY_VERSION_3, 0), 1 << CAP_DAC_OVERRIDE
    _call(LIBC.capset(header, struct.pack("6I", rights, rights, 0, 0, 0, 0)))
    resource.setrlimit(resource.RLIMIT_NPROC, (int(count), int(count)))


def few_files(count: str) -> None:
    """With this soft limit of open files, which the process may raise."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(count), hard))


def small_files(size: str) -> None:
    """Every file that becomes longer than SIZE bytes is too large, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))


def without_streams(*names: str) -> None:
    """With these standard streams closed, as if they had been when Python started."""
    for name in names:
        setattr(sys, name, None)
        os.close(STREAMS.index(name))


def without_package(name: str) -> None:
    """As where this package is not installed."""

    class Missing(importlib.abc.MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname == name:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for module in [*sys.modules]:
        if module.partition(".")[0] == name:
            del sys.modules[module]
    sys.meta_path.insert(0, Missing())


def _unshare(flags: int) -> None:
    user, group = os.geteuid(), os.getegid()
    _call(LIBC.unshare(flags if user == 0 else flags | CLONE_NEWUSER))
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", user), ("gid_map", group)):
            Path(f"/proc/self/{name}").write_text(text if name == "setgroups" else f"0 {text} 1")


def _call(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


if __name__ == "__main__":
    end = sys.argv.index("--")
    at_end: Callable[[], object] | None = globals()[sys.argv[1]](*sys.argv[2:end])
    try:
        become(sys.argv[end + 1 :])
    finally:
        if at_end is not None:
            at_end()
