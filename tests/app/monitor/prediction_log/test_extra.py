"""Without SQLAlchemy the service runs; only a log needs it."""

import subprocess

from tests.process import forked
from tests.project import ROOT

CODE = """
import sys
sys.modules["sqlalchemy"] = None  # What is None here cannot be imported.
from stateserve.errors import MissingExtra
from app.main import create_app
from app.settings import Settings

create_app(Settings())
try:
    create_app(Settings(prediction_log="sqlite:////absent/log.db"))
except MissingExtra as error:
    print(error)
"""


def test_only_a_log_needs_sqlalchemy() -> None:
    command = forked("-c", CODE)
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.stdout == "the prediction log needs SQLAlchemy: pip install '.[log]'\n"
    assert result.stderr == ""
