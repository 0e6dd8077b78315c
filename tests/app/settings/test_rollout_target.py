"""The choice of requests for a share."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings.rollout_target import Target
from tests.process import forked
from tests.project import ROOT

IDS = [f"request-{number}".encode() for number in range(20_000)]
IN_ANOTHER_PROCESS = """
import json, sys
from app.settings.rollout_target import Target
canary = Target.parse("canary", "wine:2=0.3")
print(json.dumps([canary.takes(b"request-%d" % number) for number in range(200)]))
"""


def test_a_target_is_read() -> None:
    assert Target.parse("canary", "wine:2=0.05") == ("canary", "wine", "2", 0.05)
    assert Target.parse("shadow", "iris-model:12") == ("shadow", "iris-model", "12", 1.0)
    assert Target.parse("shadow", "wine:2=1") == ("shadow", "wine", "2", 1.0)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("canary", "wine:2", "use NAME:VERSION=SHARE, such as iris-model:2=0.05"),
        ("shadow", "wine", "use NAME:VERSION or NAME:VERSION=SHARE"),
        ("canary", "wine:02=0.1", "use NAME:VERSION=SHARE"),
        ("canary", "wine:2=5%", "use NAME:VERSION=SHARE"),
        ("canary", "wine:2=0", "the share is above 0 and up to 1, not 0"),
        ("canary", "wine:2=1.01", "the share is above 0 and up to 1, not 1.01"),
        ("shadow", "wine:2=0.1.2", "the share is above 0 and up to 1, not 0.1.2"),
    ],
)
def test_what_is_no_target_is_refused(kind, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Target.parse(kind, text)


@given(st.text())
def test_any_text_is_a_target_or_refused(text: str) -> None:
    try:
        target = Target.parse("shadow", text)
    except ValueError:
        return
    assert 0 < target.share <= 1
    assert text.startswith(f"{target.name}:{target.version}")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_about_the_share_of_all_ids_is_taken(share: float) -> None:
    canary = Target("canary", "wine", "2", share)
    taken = sum(map(canary.takes, IDS)) / len(IDS)
    # Five standard deviations of a fair draw.
    assert abs(taken - share) < 5 * (share * (1 - share) / len(IDS)) ** 0.5


def test_without_an_id_the_share_is_drawn() -> None:
    canary = Target("canary", "wine", "2", 0.5)
    assert 800 < sum(canary.takes(None) for _ in range(2000)) < 1200
    assert 800 < sum(canary.takes(b"") for _ in range(2000)) < 1200
    assert all(Target("shadow", "wine", "2", 1.0).takes(None) for _ in range(100))


@given(st.binary(min_size=1, max_size=200), st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_higher_share_keeps_what_a_lower_one_took(request_id: bytes, a: float, b: float) -> None:
    low, high = sorted((a, b))
    if Target("canary", "wine", "2", low).takes(request_id):
        assert Target("canary", "wine", "2", high).takes(request_id)


def test_each_version_and_kind_takes_a_share_of_its_own() -> None:
    def taken(*fields) -> set[bytes]:
        return set(filter(Target(*fields, 0.5).takes, IDS))

    canary = taken("canary", "wine", "2")
    for other in (taken("canary", "wine", "3"), taken("shadow", "wine", "2")):
        # Independent halves share a quarter.
        assert abs(len(canary & other) / len(IDS) - 0.25) < 0.02


def test_every_process_takes_the_same_ids() -> None:
    command = forked("-c", IN_ANOTHER_PROCESS)
    printed = subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout
    canary = Target("canary", "wine", "2", 0.3)
    assert json.loads(printed) == list(map(canary.takes, IDS[:200]))
