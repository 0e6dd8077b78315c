"""The file of keys, their scopes and their rates."""

import hashlib
import os
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.auth.keys import Entry, Keys, Scope, new_key, read_keys
from app.api.auth.rate_limits import SLOTS, Rates
from app.errors import Forbidden, RateExceeded, SettingsError, Unauthorized
from app.settings.settings import Settings

SCOPES = st.sets(st.sampled_from(Scope), min_size=1)
HASH = hashlib.sha256(b"key").hexdigest()
OTHER_HASH = hashlib.sha256(b"other").hexdigest()


def keys_of(text: str, tmp_path: Path) -> Keys:
    path = tmp_path / "keys.toml"
    path.write_text(text)
    return Keys.of(Settings(api_keys=path))


def entry(name: str = "one", **fields: object) -> str:
    fields = {"sha256": HASH, "scopes": ["predict"]} | fields
    return "\n".join([f"[{name}]", *(f"{field} = {value!r}" for field, value in fields.items())])


@given(
    st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), SCOPES, st.none() | st.just("5/second")
)
def test_a_new_keys_lines_say_all_but_the_key(
    name: str, scopes: set[Scope], rate: str | None
) -> None:
    key, lines = new_key(name, scopes, rate)
    assert key not in lines
    [(named, found)] = tomllib.loads(lines).items()
    assert named == name
    assert found.pop("sha256") == hashlib.sha256(key.encode()).hexdigest()
    assert found.pop("scopes") == sorted(scopes)
    assert found.pop("rate", None) == rate
    assert not found


def test_no_two_new_keys_are_the_same_and_each_has_256_random_bits() -> None:
    made = {new_key("one", [Scope.PREDICT], None)[0] for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"ssk_[A-Za-z0-9_-]{43}", key) for key in made)


@given(SCOPES, st.sampled_from(Scope))
def test_a_key_may_do_what_its_scopes_say_and_no_more(scopes: set[Scope], wanted: Scope) -> None:
    key, lines = new_key("one", scopes, None)
    keys = Keys({"one": Entry.model_validate(tomllib.loads(lines)["one"])})
    if wanted in scopes:
        assert keys.require(key.encode(), wanted).name == "one"
    else:
        with pytest.raises(Forbidden, match=f"'one' does not have the scope {wanted}"):
            keys.require(key.encode(), wanted)


@given(st.none() | st.binary().filter(lambda key: key != b"key"))
def test_any_other_key_is_unknown(key: bytes | None) -> None:
    keys = Keys({"one": Entry(sha256=HASH, scopes=frozenset(Scope))})
    with pytest.raises(Unauthorized):
        keys.require(key, Scope.PREDICT)


def test_a_hash_is_no_key(tmp_path: Path) -> None:
    keys = keys_of(entry(), tmp_path)
    with pytest.raises(Unauthorized):
        keys.require(HASH.encode(), Scope.PREDICT)
    assert keys.require(b"key", Scope.PREDICT).name == "one"


def test_the_admin_token_is_one_more_key(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(entry())
    keys = Keys.of(Settings(api_keys=path, admin_token="a-token-that-is-long"))
    assert keys.require(b"a-token-that-is-long", Scope.ADMIN).name == "admin token"
    assert keys.require(b"key", Scope.PREDICT).name == "one"
    with pytest.raises(Forbidden):
        keys.require(b"a-token-that-is-long", Scope.PREDICT)
    path.write_text(entry("admin_token"))
    keys = Keys.of(Settings(api_keys=path, admin_token="a-token-that-is-long"))
    assert keys.require(b"key", Scope.PREDICT).name == "admin_token"


def test_each_key_has_a_rate_of_its_own(tmp_path: Path) -> None:
    second = entry("two", sha256=OTHER_HASH, rate="2/hour")
    keys = keys_of(f"{entry(rate='3/hour')}\n{second}", tmp_path)
    for key, limit in ((b"key", 3), (b"other", 2)):
        for _ in range(limit):
            keys.require(key, Scope.PREDICT)
        with pytest.raises(RateExceeded, match=f"over its rate of {limit}/hour") as caught:
            keys.require(key, Scope.PREDICT)
        assert (caught.value.limit, caught.value.period) == (limit, 3600)
        assert 0 < caught.value.seconds <= 3600 / limit


def test_a_burst_is_what_passes_at_once(tmp_path: Path) -> None:
    keys = keys_of(entry(rate="100/hour burst 2"), tmp_path)
    for _ in range(2):
        keys.require(b"key", Scope.PREDICT)
    with pytest.raises(RateExceeded) as caught:
        keys.require(b"key", Scope.PREDICT)
    assert caught.value.limit == 100
    assert 0 < caught.value.seconds <= 36


def test_a_refusal_for_the_scope_is_not_counted(tmp_path: Path) -> None:
    keys = keys_of(entry(rate="1/hour"), tmp_path)
    for _ in range(3):
        with pytest.raises(Forbidden):
            keys.require(b"key", Scope.ADMIN)
    keys.require(b"key", Scope.PREDICT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[one", "not TOML"),
        ("\ud800", "not TOML"),
        (f"one = {'9' * 1000}", "one: accepted is an object"),
        (f"one = {'9' * 5000}", "a line of more than 1024 bytes"),
        ("a." * 20_000 + "b = 1", "a line of more than 1024 bytes"),
        ("one = 1", "one: accepted is an object"),
        ("[one]", "one.sha256: missing"),
        (entry("'a b'"), "a b: accepted is a name of 1 to 64 letters"),
        (entry(sha256="key"), "one.sha256: accepted is the SHA-256 of a key"),
        (entry(sha256=HASH.upper()), "one.sha256: accepted is the SHA-256 of a key"),
        (entry(scopes=["all"]), "one.scopes.0: accepted is 'predict', 'inspect'"),
        (entry(scopes=[]), "one.scopes: accepted is a length of at least 1"),
        (entry(scopes="predict"), "one.scopes: accepted is a list"),
        *(
            (entry(rate=rate), "one.rate: accepted is .* such as 100/minute")
            for rate in ("often", "0/minute", "1/minute;1/hour", "1/minute burst 0", "9" * 10)
        ),
        (entry(rate=1), "one.rate: accepted is a text"),
        (entry(ratio="1/minute"), "one: no field 'ratio'; .*; did you mean 'rate'"),
        (f"{entry()}\n{entry('two')}", "one and two are the same key"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(SettingsError, match=message) as caught:
        Keys.of(Settings(api_keys=path))
    assert "\n" not in str(caught.value)


def test_a_key_in_clear_where_its_hash_belongs_is_not_repeated(tmp_path: Path) -> None:
    key, _ = new_key("one", [Scope.PREDICT], None)
    places = [entry(sha256=key), entry(scopes=[key]), entry(rate=key), entry(key)]
    names = [f"{entry()}\n{key} = 1", f"[one.{key}]\nx = 1", f"[one.{key}]\n[one.{key}]"]
    for text in (*places, *names):
        with pytest.raises(SettingsError) as caught:
            keys_of(text, tmp_path)
        assert key not in str(caught.value)


def test_a_file_of_too_many_rates_takes_no_places(tmp_path: Path) -> None:
    rates = Rates()
    many = {
        f"key{number}": Entry(
            sha256=f"{number:064x}", scopes=frozenset({Scope.PREDICT}), rate="1/day"
        )
        for number in range(SLOTS + 1)
    }
    with pytest.raises(SettingsError, match=rf"{SLOTS + 1} keys with a rate; at most {SLOTS} are"):
        Keys(many, rates)
    Keys({"key": many["key7"]}, rates)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: No such file"):
        read_keys(tmp_path / "nowhere.toml")
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(SettingsError, match=rf"{path}: (not a regular file|Is a directory)"):
            read_keys(path)
