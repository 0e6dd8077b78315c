"""Loads a candidate version from disk into an endpoint, or returns the error."""

import logging
from collections.abc import Callable
from contextlib import nullcontext

from app.monitor import Metrics
from app.predict import AnyEndpoint, TensorEndpoint
from app.registry.listing import Candidate
from app.registry.load_turns import Turn
from app.registry.lost_names import warnings_of
from stateserve.errors import StateserveError, UnreadableCheckpoint
from stateserve.model import LoadOptions, Predictor, TensorModel, load_model

logger = logging.getLogger("app.registry")
# As many digits of a hash as the answers have.
SHOWN = 12


class Loader:
    """Loads a model with all checks, and makes an endpoint of it by `build`."""

    def __init__(
        self,
        build: Callable[[Predictor | TensorModel], AnyEndpoint],
        metrics: Metrics,
        turn: Turn = nullcontext,
        options: Callable[[], LoadOptions] = LoadOptions,
    ) -> None:
        """`turn` is entered for each load, and may block."""
        self._options = options
        self._build = build
        self._turn = turn
        self._reloads = metrics.reloads
        # The hash of the state that each version had when it was last loaded.
        self._states: dict[tuple[str, str], str] = {}

    def attempt(self, candidate: Candidate, *, serving: bool = False) -> AnyEndpoint | Exception:
        """Load, log and count; may run in a thread. An error is returned, not raised.

        While the process is `serving`, the backend is opened at once; before, a fork may follow.
        """
        name, version = candidate.name, candidate.version
        before = self._states.get((name, version))
        try:
            with self._turn():
                served = self.load(candidate)
                if serving and isinstance(served, TensorEndpoint):
                    served.warm_up()
        except Exception as error:
            self._reloads.labels(name, "refused").inc()
            unexpected = None if isinstance(error, StateserveError) else error
            logger.error("refused version %s of %s: %s", version, name, error, exc_info=unexpected)
            return error
        self._reloads.labels(name, "loaded").inc()
        state = self._states[name, version]
        now = f"state {state[:SHOWN]}"
        if before is not None:
            now += " as before" if state == before else f" in place of {before[:SHOWN]}"
        logger.info("loaded version %s of %s from %s: %s", version, name, candidate.path, now)
        return served

    def load(self, candidate: Candidate) -> AnyEndpoint:
        """Raises CheckpointError."""
        if candidate.fault:
            raise UnreadableCheckpoint(candidate.fault)
        name, version, path = candidate.name, candidate.version, candidate.path
        # Loading runs the golden prediction, so no warm-up is needed.
        model = load_model(path, name, version, self._options())
        served = self._build(model)
        self._states[name, version] = model.state_sha256
        for line in model.inferred if isinstance(model, TensorModel) else ():
            logger.info("version %s of %s, %s: %s", version, name, path, line)
        for warning in warnings_of(model, candidate):
            logger.warning("version %s of %s, %s: %s", version, name, path, warning)
        return served
