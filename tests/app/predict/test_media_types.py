"""Content-Type: parsed by RFC 9110 in linear time, or refused."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.predict.media_types import MOST_BYTES, MediaType

JSON = "application/json"
READ = {
    b"application/json": (JSON, {}),
    b"Application/JSON ; Charset=UTF-8": (JSON, {"charset": "UTF-8"}),
    b'application/json;charset="utf-8"': (JSON, {"charset": "utf-8"}),
    b'application/json;charset="u\\tf-8";a="x;y=\\"z\\""': (
        JSON,
        {"charset": "utf-8", "a": 'x;y="z"'},
    ),
    # Parameters may be empty: RFC 9110, 5.6.6.
    b"application/json;; ; charset=utf-8;": (JSON, {"charset": "utf-8"}),
    b"application/json" + b";" * (MOST_BYTES - len(JSON)): (JSON, {}),
}
MALFORMED = [
    b"",
    b"json",
    b"application/",
    b"/json",
    b"application /json",
    b"application/json, text/csv",
    b"application/json charset=utf-8",
    b"application/json;1*",
    b"application/json;charset",
    b"application/json;charset=",
    b"application/json;charset =utf-8",
    b'application/json;charset="utf-8',
    b'application/json;charset="utf-8"x',
    b"application/json;a=1;A=2",
    b"application/json(comment)",
    b"application/json" + b"(" * 200,
    b"application/json;a=\xb2",
    b"application/json" + b";" * (MOST_BYTES - len(JSON) + 1),
]


@pytest.mark.parametrize(("text", "found"), READ.items())
def test_what_is_well_formed_is_read(text: bytes, found: tuple[str, dict[str, str]]) -> None:
    assert MediaType.parse(text) == found


@pytest.mark.parametrize("text", MALFORMED)
def test_what_is_malformed_or_too_long_is_none(text: bytes) -> None:
    assert MediaType.parse(text) is None


VALUE = st.text(' ;=",/abc\\', max_size=8)
TOKEN = st.text("abcXYZ019.+-_", min_size=1, max_size=8)


@given(
    kind=TOKEN,
    subtype=TOKEN,
    parameters=st.dictionaries(
        TOKEN.map(str.lower), st.text(' ;=",/abc\\', max_size=8), max_size=4
    ),
    space=st.sampled_from(["", " ", "\t "]),
)
def test_quoted_values_come_back(
    kind: str, subtype: str, parameters: dict[str, str], space: str
) -> None:
    text = f"{kind}/{subtype}"
    for name, value in parameters.items():
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        text += f'{space};{space}{name}="{quoted}"'
    assert MediaType.parse(text.encode()) == (f"{kind}/{subtype}".lower(), parameters)


@given(st.dictionaries(TOKEN.map(str.lower), TOKEN, max_size=4))
def test_the_standard_library_reads_the_same(parameters: dict[str, str]) -> None:
    text = "; ".join(["text/csv", *(f"{name}={value}" for name, value in parameters.items())])
    message = EmailMessage()
    message["Content-Type"] = text
    found = MediaType.parse(text.encode())
    assert found is not None
    assert found.essence == message.get_content_type()
    assert found.parameters == dict(message["Content-Type"].params)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    found = MediaType.parse(text)
    assert found is None or "/" in found.essence
