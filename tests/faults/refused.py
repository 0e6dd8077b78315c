"""`python -m tests.faults.refused CALL ERROR COMMAND...`: runs COMMAND without a system call.

The kernel itself answers CALL with ERROR, in COMMAND and in all that it starts: a filter as
containers have them. Linux. Source: seccomp(2), and linux/filter.h for the instructions.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL_WITH = 0x7FFF0000, 0x00050000
NUMBERS = {
    "x86_64": {"fsync": [74], "rename": [82, 264, 316]},
    "aarch64": {"fsync": [82], "rename": [38, 276]},
}


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse(call: str, error: int) -> None:
    """Install the filter, which cannot be removed."""
    instructions = [struct.pack("HBBI", LOAD_WORD, 0, 0, 0)]
    for number in NUMBERS[platform.machine()][call]:
        instructions += [
            struct.pack("HBBI", JUMP_IF_EQUAL, 0, 1, number),
            struct.pack("HBBI", RETURN, 0, 0, FAIL_WITH | error),
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


if __name__ == "__main__":
    refuse(sys.argv[1], getattr(errno, sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])
