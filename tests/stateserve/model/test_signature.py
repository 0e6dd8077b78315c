"""What a signature accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stateserve.model.signature import ANY, DTYPES, Input, Output, Signature, Tensor

LENGTHS = st.integers(0, 5)


@given(
    st.lists(st.one_of(st.just(ANY), st.integers(1, 5)), max_size=4), st.lists(LENGTHS, max_size=5)
)
def test_a_shape_fits_if_each_axis_does(wanted: list[int], shape: list[int]) -> None:
    tensor = Tensor(name="x", dtype="float32", shape=[ANY, *wanted])
    axes = [ANY, *wanted]
    assert tensor.fits(shape) == (
        len(shape) == len(axes) and all(a in (ANY, b) for a, b in zip(axes, shape, strict=True))
    )


@given(
    st.lists(st.sampled_from(DTYPES), min_size=1, max_size=3),
    st.lists(st.integers(1, 9), max_size=3),
)
def test_json_reads_back_the_same(dtypes: list[str], shape: list[int]) -> None:
    tensors = [
        {"name": f"x{index}", "dtype": dtype, "shape": [ANY, *shape]}
        for index, dtype in enumerate(dtypes)
    ]
    signature = Signature.model_validate({"inputs": tensors, "outputs": tensors})
    assert Signature.model_validate_json(signature.model_dump_json()) == signature
    assert len(signature.lines) == 2 * len(dtypes)


REFUSED: dict[str, dict[str, object]] = {
    "axis 0 is the batch axis": {"shape": [1, 2]},
    "at least 1 item": {"shape": []},
    "at most 8 items": {"shape": [ANY] * 9},
    "more elements": {"shape": [ANY, 2**20, 2**20]},
    "greater than or equal to -1": {"shape": [ANY, -2]},
    "Input should be 'bool'": {"dtype": "float8"},
    "exclude each other": {"image": {"mode": "L"}, "tokens": {}},
    "features repeat a": {"features": [{"name": "a"}, {"name": "a"}]},
    "1 features do not fit": {"features": [{"name": "a"}]},
    "an image of layout CHW has 3 axes": {"image": {"mode": "L"}},
    "ids of a vocabulary are integers, not float32; a mask has none": {"tokens": {"vocabulary": 3}},
    "pad 2; bool takes 0 to 1": {"dtype": "bool", "tokens": {"pad": 2}},
    "pad 20 is no id of the vocabulary, which has 0 to 19": {
        "dtype": "int64",
        "tokens": {"vocabulary": 20, "pad": 20},
    },
    "less than or equal to 2147483647": {"dtype": "int64", "tokens": {"vocabulary": 2**31}},
    "axis 1 has the length 0": {"shape": [ANY, 0, 2]},
    "pad 128; int8 takes 0 to 127": {"dtype": "int8", "tokens": {"pad": 128}},
    "pad 2147483648; int64 takes 0 to 2147483647": {"dtype": "int64", "tokens": {"pad": 2**31}},
    "no field 'sizes'": {"sizes": 3},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_an_input_that_makes_no_sense_is_refused(reason: str) -> None:
    given = {"name": "x", "dtype": "float32", "shape": [ANY, 2], **REFUSED[reason]}
    with pytest.raises(ValidationError, match=reason):
        Input.model_validate(given)


CLASSES: dict[str, tuple[str, list[int], list[str]]] = {
    "an output with classes is one of": ("values", [ANY, 2], ["a", "b"]),
    "2 classes do not fit the shape": ("logits", [ANY, 3], ["a", "b"]),
    "2 classes do not fit": ("logits", [ANY, 4, 2], ["a", "b"]),
    "classes repeat a": ("logits", [ANY, 2], ["a", "a"]),
    "at most 10000 items": ("logits", [ANY, 10_001], [str(n) for n in range(10_001)]),
}


@pytest.mark.parametrize("reason", CLASSES)
def test_classes_name_the_last_axis_of_a_classifying_output(reason: str) -> None:
    kind, shape, classes = CLASSES[reason]
    given = {"name": "y", "dtype": "float32", "shape": shape, "kind": kind, "classes": classes}
    with pytest.raises(ValidationError, match=reason):
        Output.model_validate(given)


def test_names_are_distinct_and_few() -> None:
    one = Input(name="x", dtype="float32", shape=[ANY])
    out = Output(name="x", dtype="float32", shape=[ANY])
    with pytest.raises(ValidationError, match="inputs repeat x"):
        Signature(inputs=[one, one], outputs=[out])
    with pytest.raises(ValidationError, match="outputs repeat x"):
        Signature(inputs=[one], outputs=[out, out])
    many = [one.model_copy(update={"name": f"x{index}"}) for index in range(33)]
    with pytest.raises(ValidationError, match="at most 32"):
        Signature(inputs=many, outputs=[out])


EQUAL: dict[str, list[list[str]]] = {
    "'ids' is not INPUT:AXIS, such as ids:1": [["ids", "mask:1"]],
    "'mask:²' is not": [["ids:1", "mask:²"]],
    "'types:1' is no axis of any length": [["ids:1", "types:1"]],
    "'mask:2' is no axis of any length": [["ids:1", "mask:2"]],
    "'ids:0' is no axis of any length": [["ids:0", "mask:1"]],
    "equal_axes repeat ids:1": [["ids:1", "ids:1"]],
    "at least 2 items": [["ids:1"]],
}


@pytest.mark.parametrize("reason", EQUAL)
def test_equal_axes_are_axes_of_any_length(reason: str) -> None:
    inputs = [
        Input(name="ids", dtype="int64", shape=[ANY, ANY]),
        Input(name="mask", dtype="bool", shape=[ANY, ANY, 2]),
    ]
    out = Output(name="x", dtype="float32", shape=[ANY])
    with pytest.raises(ValidationError, match=reason):
        Signature(inputs=inputs, outputs=[out], equal_axes=EQUAL[reason])
