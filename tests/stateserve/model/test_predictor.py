"""A loaded predictor computes the description of its state once."""

import threading
from concurrent.futures import ThreadPoolExecutor

from stateserve.model.model import describe_module
from stateserve.model.predictor import Predictor
from tests.process import HANG_SECONDS
from tests.project import IRIS


def test_callers_at_one_time_share_one_description() -> None:
    predictor = Predictor.load(IRIS)
    barrier = threading.Barrier(8)

    def ask(_: int) -> object:
        barrier.wait(HANG_SECONDS)
        return predictor.describe()

    with ThreadPoolExecutor(8) as threads:
        futures = set(threads.map(ask, range(8)))
    assert len(futures) == 1
    assert predictor.describe().result(HANG_SECONDS) == describe_module(predictor.module)
