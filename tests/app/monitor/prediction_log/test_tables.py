"""/feedback and /monitoring match their OpenAPI schema with a log (schemathesis)."""

import subprocess
import sys
from pathlib import Path

from tests.process import running_server
from tests.project import ROOT


def test_what_the_log_answers_keeps_its_schema(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("schemathesis"), "--no-color"]
    command += ["--config-file", ROOT / "tests" / "schemathesis.toml", "run"]
    command += ["--include-path-regex", "^/(monitoring|feedback)$", "--max-examples", "20"]
    log = f"sqlite:///{tmp_path}/log.db"
    with running_server(tmp_path / "log", "--prediction-log", log) as service:
        command += ["--seed", "1", f"{service.url}/openapi.json"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
