"""The supervisor of several worker processes, forked after the models are loaded."""

import gc
import logging
import math
import mmap
import multiprocessing
import os
import shutil
import signal
import sys
import time
from functools import partial
from itertools import chain
from multiprocessing.context import ForkProcess
from operator import setitem
from pathlib import Path

from fastapi import FastAPI

from app.addresses import remove_stale
from app.api import create_app
from app.api.auth import Guard
from app.errors import LimitError, WorkerError
from app.limits import require_threads
from app.monitor import LINES, Metrics, share_counts
from app.process import end_on_signals
from app.server.heartbeats import Heartbeats
from app.server.listeners import take_new
from app.server.shared_folder import make_shared_folder
from app.server.worker_plans import SharedPlans, make_wakeups
from app.server.worker_server import SIGNALS, WorkerServer
from app.settings import Settings

logger = logging.getLogger("app.workers")
# Of one worker, in a row; the pause before each start doubles.
MAX_FAILED_STARTS = 5
FIRST_PAUSE_SECONDS = 0.1
# Where the system makes no new process.
RETRY_SECONDS = 5
# A draining worker may exceed its own time limits by this.
GRACE_SECONDS = 5


def serve_with_workers(settings: Settings) -> None:
    """Load the models once and serve them from `settings.workers` processes until a signal.

    Raises CheckpointError, or WorkerError when a worker cannot start.
    """
    with make_shared_folder(settings.workers) as directory:
        end_on_signals(partial(_clean_up, directory))
        share_counts(directory, lambda: multiprocessing.current_process().name)
        Supervisor(create_app(settings, Path(directory)), settings, directory).run()


class Supervisor:
    """Starts the workers, replaces a dead worker, and ends when all have drained.

    It answers no request and starts neither thread nor event loop, so that it can fork at any
    time. It holds the listening sockets, so waiting connections survive the death of a worker.
    """

    def __init__(self, app: FastAPI, settings: Settings, directory: str) -> None:
        self._settings = settings
        self._directory = directory
        self._metrics: Metrics = app.state.service.metrics
        self._server = WorkerServer(app, settings)
        self._guard: Guard = app.state.guard
        self._workers: dict[int, ForkProcess] = {}
        self._failed_starts = [0] * settings.workers
        # Shared with the workers: byte n is 1 once worker n serves.
        self._started = mmap.mmap(-1, settings.workers)
        self._heartbeats = Heartbeats(settings.workers, settings.worker_timeout_seconds)
        self._hung: set[int] = set()
        # The slots of workers that could not be forked, with the time of the next attempt.
        self._due: dict[int, float] = {}
        self._stopping = False
        self._end = math.inf

    def run(self) -> None:
        """Supervise until all workers end after SIGTERM or SIGINT; a second signal kills them.

        Raises WorkerError when a worker dies MAX_FAILED_STARTS times before it serves, and
        LimitError when the system makes no process for one at the start.
        """
        # sigwait takes signals one by one: no handler interrupts other code.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._listeners = self._server.listen(self._settings.workers)
        self._lifeline = os.pipe()
        self._wakeups = make_wakeups(self._settings.workers)
        # The garbage collector writes to each object, which would copy its shared memory page.
        gc.collect()
        gc.freeze()
        for slot in range(self._settings.workers):
            self._start(slot)
        # Not sigtimedwait: after SIGSTOP and SIGCONT, Python's returns an invalid signal number.
        signal.setitimer(signal.ITIMER_REAL, self._heartbeats.period, self._heartbeats.period)
        while self._workers or self._due:
            sent = signal.sigwait(SIGNALS)
            if sent == signal.SIGALRM:
                self._look()
            elif sent == signal.SIGCHLD:
                self._replace_the_dead()
            elif sent == signal.SIGHUP:
                self._reload()
            elif not self._stopping:
                self._stop()
            else:
                self._kill_all("a second signal")
        if self._settings.uds is not None:
            remove_stale(self._settings.uds)
        if MAX_FAILED_STARTS in self._failed_starts:
            raise WorkerError(f"a worker died {MAX_FAILED_STARTS} times before it could serve")

    def _look(self) -> None:
        if time.monotonic() > self._end:
            self._end = math.inf
            self._kill_all("the drain took too long")
        for slot in [slot for slot, due in self._due.items() if time.monotonic() > due]:
            del self._due[slot]
            self._replace(slot)
        for slot in self._heartbeats.silent():
            if worker := self._workers.get(slot):
                seconds = self._heartbeats.timeout
                logger.error("%s hangs: no sign of it for %g s; killed", worker.name, seconds)
                self._hung.add(slot)
                # The kernel may need some time to end the process.
                self._heartbeats.beat(slot)
                worker.kill()

    def _kill_all(self, reason: str) -> None:
        logger.warning("%s: workers are killed", reason)
        for worker in self._workers.values():
            worker.kill()

    def _reload(self) -> None:
        # In the supervisor too, for workers that it forks later.
        self._guard.reload(self._settings)
        for worker in self._workers.values():
            os.kill(worker.pid or 0, signal.SIGHUP)

    def _start(self, slot: int) -> None:
        self._started[slot] = 0
        self._heartbeats.beat(slot)
        # The process name also names the metric files: a replacement continues the same counts.
        name = f"worker-{slot}"
        worker = ForkProcess(target=self._work, args=(slot,), name=name, daemon=True)
        try:
            worker.start()
        except OSError as error:
            raise LimitError(
                f"no process for {name} of {self._settings.workers} workers: {error.strerror}; is "
                "there a limit of processes (ulimit -u, pids.max) or of memory?"
            ) from None
        self._workers[slot] = worker
        self._metrics.processes.set(len(self._workers))

    def _work(self, slot: int) -> None:
        if failed := self._failed_starts[slot]:
            time.sleep(FIRST_PAUSE_SECONDS * 2 ** (failed - 1))
        lifeline, supervisors_end = self._lifeline
        os.close(supervisors_end)
        listeners = self._listeners.pop(slot)
        self._close_listeners()
        for listener in listeners:
            take_new(listener)
        LINES.begin_anew()
        # Only the supervisor removes the shared folder.
        end_on_signals(LINES.flush)
        # A terminal sends Ctrl-C to the workers too; uvicorn handles it while the worker serves.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        plans = SharedPlans(Path(self._directory), slot, self._wakeups)
        on_started = partial(setitem, self._started, slot, 1)
        on_loop = partial(self._heartbeats.keep_beating, slot)
        try:
            require_threads()
            self._server.work(listeners, lifeline, plans, on_loop, on_started)
        except LimitError as error:
            logger.critical(str(error))
            sys.exit(1)
        except Exception:
            logger.exception("worker failed")
            sys.exit(1)
        finally:
            LINES.flush()
        if self._server.orphaned:
            shutil.rmtree(self._directory, ignore_errors=True)

    def _replace_the_dead(self) -> None:
        for slot, worker in list(self._workers.items()):
            if worker.is_alive():
                continue
            del self._workers[slot]
            self._metrics.processes.set(len(self._workers))
            reason = "hung" if slot in self._hung else "died"
            self._hung.discard(slot)
            if not self._stopping:
                logger.warning("%s ended with %s", worker.name, _cause(worker.exitcode))
                self._metrics.restarts.labels(reason).inc()
                self._replace(slot)
            worker.close()

    def _replace(self, slot: int) -> None:
        self._failed_starts[slot] = 0 if self._started[slot] else self._failed_starts[slot] + 1
        if self._failed_starts[slot] == MAX_FAILED_STARTS:
            self._stop()
            return
        try:
            self._start(slot)
        except LimitError as error:
            logger.error("%s Next attempt in %g s", error, RETRY_SECONDS)
            self._due[slot] = time.monotonic() + RETRY_SECONDS

    def _stop(self) -> None:
        self._stopping = True
        self._due.clear()
        self._close_listeners()
        for worker in self._workers.values():
            worker.terminate()
        limit = self._settings.drain_delay_seconds + self._settings.drain_timeout_seconds
        self._end = time.monotonic() + limit + GRACE_SECONDS

    def _close_listeners(self) -> None:
        # The kernel accepts connections for every process that holds a socket open.
        for listener in chain.from_iterable(self._listeners):
            listener.close()


def _clean_up(directory: str) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    LINES.flush()


def _cause(exit_code: int | None) -> str:
    return signal.Signals(-exit_code).name if exit_code and exit_code < 0 else f"status {exit_code}"
