"""KServe's own client of the Open Inference Protocol, unmodified, against a real server."""

from tests.kserve import require_true_answers
from tests.process import Process


def test_it_is_told_what_the_module_says(server: Process) -> None:
    require_true_answers("kserve_rest.py", server.url)
