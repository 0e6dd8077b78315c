"""One server of the comparison: how to install, start and call it, and read its answers."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.request import FLOWER, Request
from benchmarks.server import ServerFailed

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VENVS = HERE.parent / ".venvs"
SPECIES = "setosa"
# No telemetry: a benchmark is not to be reported, and it would use the measured core.
NO_TELEMETRY = {
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
}
PINNED = ("-r", "requirements.txt", "-c", "constraints.txt")


@dataclass(frozen=True)
class Contender:
    """`start`, `prepare` and `environment` are templates over {bin}, {root}, {built}, {ports}.

    `class_of` reads the class's name from the answer, which must be `right`. `pip` are the
    arguments of pip's install, run in `folder`; none means this very environment. `prepare`
    runs once before the rounds and writes to {built}.
    """

    name: str
    folder: Path
    start: str
    path: str
    settings: str
    body: bytes = json.dumps(FLOWER).encode()
    content_type: str = "application/json"
    class_of: Callable[[bytes], str] = lambda answer: str(json.loads(answer)["class"])
    right: str = SPECIES
    pip: tuple[str, ...] = PINNED
    prepare: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    connections: tuple[int, ...] = (32, 1)

    @property
    def venv(self) -> Path:
        return VENVS / ("app" if self.folder == ROOT else self.folder.name)

    def fill(self, template: str, ports: tuple[int, ...] = ()) -> str:
        built = self.venv / "built"
        return template.format(bin=self.venv / "bin", root=ROOT, built=built, ports=ports)

    def common_variables(self) -> dict[str, str]:
        """The variables that each of its commands gets in addition."""
        # One thread for one core, as every server's documentation advises.
        threads = {"OMP_NUM_THREADS": "1"}
        path = f"{self.venv / 'bin'}:{os.environ['PATH']}"
        return threads | NO_TELEMETRY | {"PYTHONPATH": str(ROOT), "PATH": path}

    def variables(self, ports: tuple[int, ...]) -> dict[str, str]:
        """The variables that the server gets in addition."""
        filled = {name: self.fill(value, ports) for name, value in self.environment.items()}
        return self.common_variables() | filled

    def request(self, port: int) -> Request:
        headers = {"Content-Type": self.content_type}
        return Request(f"http://127.0.0.1:{port}{self.path}", self.body, headers)

    def require_right_answer(self, answer: bytes) -> None:
        """Raise ServerFailed unless the class in the answer is the right one."""
        try:
            found = self.class_of(answer)
        except (ValueError, LookupError, TypeError, EOFError):
            found = "nothing that can be read"
        if found != self.right:
            raise ServerFailed(f"answered {found}, not {self.right}: {answer[:200]!r}")
