"""Version policies: the notation of each, and its selection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import SettingsError
from app.settings.settings import Settings
from app.settings.version_policy import VersionPolicy, is_version

VERSIONS = st.sets(st.integers(1, 200).map(str))


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("latest", VersionPolicy(limit=1)),
        ("latest:3", VersionPolicy(limit=3)),
        ("all", VersionPolicy(limit=None)),
        ("7", VersionPolicy(limit=None, only=frozenset({"7"}))),
        ("1,3", VersionPolicy(limit=None, only=frozenset({"1", "3"}))),
    ],
)
def test_a_policy_is_written_as_one_word(text: str, policy: VersionPolicy) -> None:
    assert VersionPolicy.parse(text) == policy
    assert Settings.read({"version_policy": text}).version_policy == text


@pytest.mark.parametrize("text", ["", "newest", "latest:0", "latest:", "1,", "1, 3", "01", "-1"])
def test_any_other_text_is_refused_and_told_what_to_use(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--version-policy .*: use latest, latest:N, all, or"):
        Settings.read({"version_policy": text})


@given(VERSIONS, VERSIONS)
def test_versions_are_tried_from_the_highest_down(versions: set[str], only: set[str]) -> None:
    ordered = VersionPolicy(limit=1).order(versions)
    assert list(map(int, ordered)) == sorted(map(int, versions), reverse=True)
    assert VersionPolicy(None, frozenset(only)).order(versions) == [v for v in ordered if v in only]


@given(st.integers(-10, 10**18 - 1), st.text(max_size=3))
def test_a_version_is_a_positive_integer_written_one_way(number: int, text: str) -> None:
    assert is_version(str(number)) == (number > 0)
    assert not is_version(f"0{number}")
    assert is_version(text) == (text.isascii() and text.isdigit() and text[:1] != "0")
