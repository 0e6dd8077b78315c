"""Numbers of options are in digits: Python alone would take 1_0 for 10."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stateserve.plain_number import DECIMAL, WHOLE
from tests.app.cli.conftest import Run
from tests.project import IRIS


@pytest.mark.parametrize("number", ["1_0", "+1", " 1", "\u0661", "nan", ""])
@pytest.mark.parametrize(
    ("command", "option", "kind"),
    [
        (("inspect", IRIS), "--depth", "a whole number"),
        (("predict",), "--top", "a whole number"),
        (("bench", "http://127.0.0.1:1"), "--duration", "a number"),
        (("diff", IRIS, IRIS), "--tolerance", "a number"),
    ],
)
def test_a_number_has_digits_alone(
    run: Run, command: tuple[object, ...], option: str, kind: str, number: str
) -> None:
    code, out = run(*command, f"{option}={number}")
    assert (code, out.startswith(f"stateserve: {option}: {number!r} is not {kind}")) == (2, True)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_number_as_python_writes_it_is_plain(number: float) -> None:
    form = WHOLE if isinstance(number, int) else DECIMAL
    assert form.fullmatch(repr(number))
    assert DECIMAL.fullmatch(f"{number:g}")


@pytest.mark.parametrize("number", [".5", "1.", "-.5e-3"])
def test_a_decimal_number_of_an_option_may_lack_one_side(run: Run, number: str) -> None:
    assert DECIMAL.fullmatch(number)
    _code, out = run("diff", IRIS, IRIS, f"--tolerance={number}")
    assert "is not a number" not in out
