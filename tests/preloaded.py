"""Runs commands in forks of this process, which has imported their modules: that saves seconds.

Its arguments are the id of a process with which it ends, the path of the socket that is its
standard input, and the modules. A client sends its standard streams and a line of JSON; it
receives the id of the command's process, and the status at the end.
"""

import gc
import json
import multiprocessing
import os
import runpy
import shutil
import socket
import sys
import types
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

FORK = multiprocessing.get_context("fork")
POLL_SECONDS = 1


def main() -> None:
    # As `stateserve serve` sets it, before NumPy is imported.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    parent, path, *modules = sys.argv[1:]
    for module in modules:
        import_module(module)
    # Else each fork copies all of this memory when its garbage collector marks the objects.
    gc.freeze()
    with socket.socket(fileno=0) as listener:
        listener.settimeout(POLL_SECONDS)
        while _is_running(int(parent)):
            with suppress(TimeoutError), listener.accept()[0] as connection:
                FORK.Process(target=answer, args=(listener, connection)).start()
            # Asks for the status of those that have ended.
            FORK.active_children()
    shutil.rmtree(Path(path).parent)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def answer(listener: socket.socket, connection: socket.socket) -> None:
    """Start the command and wait for it; end it if the client has ended."""
    listener.detach()
    start, streams, *_ = socket.recv_fds(connection, 65536, 3)
    with connection.makefile("rb") as rest:
        request = json.loads(start if start.endswith(b"\n") else start + rest.readline())
    # As such a process it ends without the teardown of all modules, which takes seconds in a fork.
    command = FORK.Process(target=run, args=(request, streams), name="MainProcess")
    command.start()
    for stream in streams:
        os.close(stream)
    with suppress(BrokenPipeError):
        connection.sendall((command.pid or 0).to_bytes(4))
        # The client sends nothing more, so only its end can be read.
        if connection in wait([connection, command.sentinel]):
            command.kill()
        command.join()
        connection.sendall((command.exitcode or 0).to_bytes(4, signed=True))


def run(request: dict[str, Any], streams: list[int]) -> None:
    """Become the command."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    try:
        become(request["command"])
    except Exception:
        # As Python does; multiprocessing would print the error itself.
        sys.excepthook(*sys.exc_info())
        sys.exit(1)


def become(command: list[str]) -> None:
    """Run `stateserve`, a module, a script, or after `-c` a text, as Python would run it."""
    program, *arguments = command
    if program == "-c":
        script, *sys.argv[1:] = arguments
        sys.argv[0] = program
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        exec(script, vars(main))
        return
    sys.argv[1:] = arguments
    if program == "stateserve":
        sys.argv[0] = str(Path(sys.executable).with_name(program))
        runpy.run_path(sys.argv[0], run_name="__main__")
    elif program.endswith(".py"):
        sys.argv[0] = program
        sys.path.insert(0, str(Path(program).absolute().parent))
        runpy.run_path(program, run_name="__main__")
    else:
        # It was imported as a module, and is now run as a program.
        sys.modules.pop(f"{program}.__main__", None)
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
