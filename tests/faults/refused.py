"""Makes the kernel refuse a system call of this process and of all that it starts.

A filter as containers have them. Linux. Source: seccomp(2), and linux/filter.h for the
instructions.
"""

import ctypes
import errno
import platform
import struct

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL_WITH = 0x7FFF0000, 0x00050000
NUMBERS = {
    "x86_64": {"fsync": [74], "rename": [82, 264, 316]},
    "aarch64": {"fsync": [82], "rename": [38, 276]},
}


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse(call: str, error: str) -> None:
    """Install the filter, which cannot be removed; `error` is a name of errno."""
    instructions = [struct.pack("HBBI", LOAD_WORD, 0, 0, 0)]
    for number in NUMBERS[platform.machine()][call]:
        instructions += [
            struct.pack("HBBI", JUMP_IF_EQUAL, 0, 1, number),
            struct.pack("HBBI", RETURN, 0, 0, FAIL_WITH | getattr(errno, error)),
        ]
    instructions.append(struct.pack("HBBI", RETURN, 0, 0, ALLOW))
    program = Program(len(instructions), b"".join(instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0),
    ):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")
