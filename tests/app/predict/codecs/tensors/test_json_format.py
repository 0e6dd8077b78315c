"""JSON bodies of models with any module, against plain torch and Python's own JSON parser."""

import base64
import json
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from app.errors import BodyTooLarge, InvalidInstances, RequestError
from app.predict.codecs.tensors.json_format import MOST_BYTES, TensorJson
from app.predict.codecs.tensors.value_rule import dtype_of
from stateserve.model import Feature, TensorModel
from stateserve.model.signature import Input, Output
from tests import signature_models
from tests.pictures import png, saved
from tests.tensor_models import model_of, open_models


async def post(model: TensorModel, body: Any, query: str = "", **changes: Any) -> httpx.Response:
    content = body if isinstance(body, bytes | str) else json.dumps(body)
    async with open_models(model, **changes) as client:
        headers = {"content-type": "application/json"}
        return await client.post(f"/predict{query}", content=content, headers=headers)


def run(model: TensorModel, *inputs: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model.module(*inputs)


def read(model: TensorModel, body: Any, **changes: Any) -> dict[str, list[Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    rows = TensorJson(model, 1000).decode(content, **changes).rows
    lists = {name: [] for name in rows.groups[0]}
    for group in rows.groups:
        for name, array in group.items():
            lists[name] += array.astype(object).tolist()
    order = rows.places or range(len(rows))
    return {
        name: [value for _, value in sorted(zip(order, values, strict=True), key=lambda x: x[0])]
        for name, values in lists.items()
    }


def faults(model: TensorModel, body: Any) -> dict[str, str]:
    with pytest.raises(InvalidInstances) as caught:
        read(model, body)
    return {fault.pointer: fault.detail for fault in caught.value.faults}


async def test_one_input_is_given_bare_or_by_its_name() -> None:
    model = signature_models.tokens()
    logs = run(model, torch.tensor([[3, 4, 5]]))[0]
    for body in ([3, 4, 5], {"ids": [3, 4, 5]}):
        answer = (await post(model, body)).json()
        assert answer["index"] == logs.argmax()
        assert answer["class"] == str(answer["index"])
        assert answer["probabilities"] == pytest.approx(
            {str(i): float(value) for i, value in enumerate(logs.exp())}, rel=1e-6
        )
        assert (answer["warnings"], answer["model"]["name"]) == ([], "made")


async def test_instances_of_different_lengths_are_answered_in_their_order() -> None:
    model = signature_models.tokens()
    rows = [[1], [2, 3], [4], [5, 6, 7], {"ids": [8, 9]}, [10]]
    answer = (await post(model, {"instances": rows}, "?log_probabilities=true")).json()
    for found, row in zip(answer["predictions"], rows, strict=True):
        ids = row["ids"] if isinstance(row, dict) else row
        logs = run(model, torch.tensor([ids]))[0]
        assert list(found["log_probabilities"].values()) == pytest.approx(logs.tolist())


async def test_outputs_that_do_not_classify_are_nested_lists_with_their_units() -> None:
    model = signature_models.two_inputs()
    body = {"instances": [{"right": 2, "left": [0.1, 1, -0.5]}, {"left": [0, 0, 0], "right": 1e-3}]}
    answer = await post(model, body)
    assert answer.json()["predictions"] == [
        {"outputs": {"total": [2.1, 3, 1.5], "product": 1.2}},
        {"outputs": {"total": [0.001] * 3, "product": 0}},
    ]
    assert answer.json()["units"] == {"product": "m2"}
    assert (await post(model, {"right": 2, "left": [0.1, 1, -0.5]})).json() == {
        "outputs": {"total": [2.1, 3, 1.5], "product": 1.2},
        "units": {"product": "m2"},
        "model": answer.json()["model"],
    }


async def test_an_output_that_classifies_beside_others_is_written_as_its_class() -> None:
    answer = (await post(signature_models.two_heads(), [1, 3, 2], "?top=2")).json()
    label, wanted = answer["outputs"]["label"], torch.softmax(torch.tensor([1.0, 3, 2]), 0)
    assert (label["class"], label["index"]) == ("dog", 1)
    assert list(label["probabilities"]) == ["dog", "emu"]
    assert label["probabilities"] == pytest.approx(
        {"dog": float(wanted[1]), "emu": float(wanted[2])}
    )
    assert answer["outputs"]["embedding"] == [2, 6, 4]


async def test_probabilities_of_any_number_are_a_nested_list() -> None:
    model = model_of(
        nn.Softmax(1),
        [Input(name="x", dtype="float32", shape=[-1, -1])],
        [Output(name="output", dtype="float32", shape=[-1, -1], kind="probabilities")],
        {"x": torch.zeros(1, 4)},
    )
    answer = (await post(model, {"instances": [[0, 0], [1, 1, 1, 1]]})).json()
    assert [each["outputs"]["output"] for each in answer["predictions"]] == [[0.5] * 2, [0.25] * 4]


@pytest.mark.parametrize("other", [False, True])
async def test_a_code_without_its_leading_zeros_is_refused_with_a_hint(other: bool) -> None:
    code = Feature(name="zip", kind="category", values=["01067", "10115", "20095"], other=other)
    table = Input(name="x", dtype="float32", shape=[-1, 1], features=[code])
    output = Output(name="output", dtype="float32", shape=[-1, 1], kind="values")
    model = model_of(nn.Identity(), [table], [output], {"x": torch.zeros(1, 1)})
    for value, place in {"01067": 0, "10115": 1, 10115: 1}.items():
        assert (await post(model, {"zip": value})).json()["outputs"]["output"] == [place]
    detail = (await post(model, {"zip": 1067})).json()["errors"][0]["detail"]
    assert detail.endswith('belongs; "01067" without its leading zeros? Read the column as texts')
    unknown = await post(model, {"zip": "1067"})
    assert unknown.json().get("outputs") == ({"output": [3]} if other else None)
    file = "zip\n10115\n1067\n"
    async with open_models(model) as client:
        cells = await client.post("/predict", content=file, headers={"content-type": "text/csv"})
    assert (cells.status_code == 200) == other
    assert other or '"01067" without its leading zeros?' in cells.json()["detail"]


async def test_a_table_is_given_by_its_features() -> None:
    model = signature_models.regression()
    rows = [{"bmi/2": 1.5, "age": 40}, {"age": 41, "bmi/2": 0}]
    wanted = run(model, torch.tensor([[40, 1.5], [41, 0]]))
    for body in (rows, [{"table": row} for row in rows], [[40, 1.5], [41, 0]]):
        answer = (await post(model, {"instances": body})).json()
        found = [each["outputs"]["output"] for each in answer["predictions"]]
        assert found == [[pytest.approx(value)] for value in wanted[:, 0].tolist()]


async def test_a_picture_is_given_as_base64_or_as_its_values() -> None:
    model = signature_models.pictures()
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4), np.uint8)
    text = base64.b64encode(saved(Image.fromarray(pixels))).decode()
    values = (pixels[None] / np.float32(255)).tolist()
    bodies = [{"b64": text}, {"image": {"b64": text}}, values, {"image": values}]
    answers = [(await post(model, body, "?top=5")).json() for body in bodies]
    together = (await post(model, {"instances": bodies}, "?top=5")).json()["predictions"]
    wanted = torch.softmax(run(model, torch.tensor([values])), 1)[0]
    order = wanted.argsort(descending=True).tolist()
    for answer in answers + together:
        assert list(answer["probabilities"]) == [signature_models.CLASSES[i] for i in order]
        assert list(answer["probabilities"].values()) == pytest.approx(wanted[order].tolist())


@pytest.mark.parametrize("size", [1, 100, 400])
def test_the_pictures_of_all_slices_are_one_request(size: int) -> None:
    model = signature_models.pictures()
    texts = [base64.b64encode(saved(Image.new("L", (4, 4), shade))).decode() for shade in (51, 102)]
    zeros, a, b = np.zeros((1, 4, 4)).tolist(), {"b64": texts[0]}, {"image": {"b64": texts[1]}}
    body = {"instances": [a, zeros, zeros, b, a, zeros]}
    found = read(model, body, slice_bytes=size)["image"]
    assert [each[0][0][0] for each in found] == pytest.approx([0.2, 0, 0, 0.4, 0.2, 0])
    large = base64.b64encode(png(7_000, 7_000, 8, 0, b"")).decode()
    with pytest.raises(BodyTooLarge, match="11 pictures of 539000000 pixels; up to 500000000"):
        read(model, {"instances": [{"b64": large}] * 11}, slice_bytes=size)


async def test_options_without_a_meaning_for_the_model_are_501() -> None:
    for query in ("calibrated=true", "out_of_distribution=true", "top=2"):
        answer = await post(signature_models.regression(), [1, 2], f"?{query}")
        assert answer.status_code == 501
        assert query.partition("=")[0] in answer.json()["detail"]


@pytest.mark.parametrize("query", ["top=2", "log_probabilities=true"])
async def test_classes_of_each_pixel_are_501_with_the_shape_that_is_accepted(query: str) -> None:
    tensor: dict[str, Any] = {"dtype": "float32", "shape": [-1, 2, 1, 1]}
    output = Output(name="output", kind="logits", **tensor)
    model = signature_models.make(signature_models.Same(), [Input(name="x", **tensor)], [output])
    answer = await post(model, [[[1]], [[2]]], f"?{query}")
    assert answer.status_code == 501
    assert answer.json()["detail"].endswith(
        "it needs an output of shape [rows, classes] of kind probabilities, log_probabilities or "
        "logits; this model has output [-1, 2, 1, 1] of kind logits"
    )
    assert (await post(model, [[[1]], [[2]]])).json()["outputs"] == {"output": [[[1]], [[2]]]}


async def test_nan_in_an_output_is_null() -> None:
    model = signature_models.same("float16", [-1, 2])
    assert (await post(model, [0.1, 65504])).json()["outputs"] == {"output": [0.1, 65500]}


@pytest.mark.parametrize(
    ("dtype", "value", "detail"),
    [
        ("float32", "a", "a string where a finite number belongs"),
        ("float32", None, "null where a finite number belongs"),
        ("float32", True, "true where a finite number belongs"),
        ("float32", {}, "an object where a finite number belongs"),
        ("float32", [1], "a list where a finite number belongs"),
        ("float32", float("nan"), "NaN where a finite number belongs"),
        ("float32", float("-inf"), "-Infinity where a finite number belongs"),
        ("float32", 1e39, "too large; numbers from -3.4028234"),
        ("float16", 65505, "too large; numbers from -65504 to 65504 are taken"),
        ("bfloat16", 1e39, "too large; numbers from -3.3895"),
        ("float64", 10**400, "too large; numbers from "),
        ("int64", 1.0, "1.0, with a fraction or an exponent, where an integer from -92"),
        ("int64", 2**63, "9223372036854775808 where an integer from "),
        ("int8", -129, "-129 where an integer from -128 to 127 belongs"),
        ("uint8", 256, "256 where an integer from 0 to 255 belongs"),
        ("uint8", True, "true where an integer from 0 to 255 belongs"),
        ("bool", 1, "a number where true or false belongs"),
        ("bool", "true", "a string where true or false belongs"),
    ],
)
def test_a_value_that_is_not_of_the_dtype_is_named_by_its_place(
    dtype: str, value: object, detail: str
) -> None:
    model = signature_models.same(dtype, [-1, 2, 2])
    fine = {"bool": True}.get(dtype, 1)
    rows = [[[fine, fine], [fine, fine]], [[fine, fine], [fine, value]]]
    assert faults(model, {"instances": rows}).popitem()[1].startswith(detail)
    assert list(faults(model, {"instances": rows})) == ["/instances/1/1/1"]
    assert list(faults(model, {"x": rows[1]})) == ["/x/1/1"]
    assert list(faults(model, rows[1])) == ["/1/1"]


@pytest.mark.parametrize(
    ("value", "pointer", "detail"),
    [
        ([[1, 2], [3]], "/1", "1 values, not 2 (float32 of shape [any, 2])"),
        ([], "", "an empty list; at least one value is needed (float32 of shape [any, 2])"),
        ([[]], "/0", "0 values, not 2 (float32 of shape [any, 2])"),
        ([1, 2], "/0", "a number where a list belongs (float32 of shape [any, 2])"),
        ([[[1], [2]]], "/0/0", "a list where a finite number belongs"),
        ("text", "", "a string where a list belongs (float32 of shape [any, 2])"),
        ({"y": []}, "/y", "unknown input; the inputs are x (float32 of shape [any, 2])"),
        ({"xs": []}, "/xs", "unknown input; the inputs are x (float32 of shape [any, 2]); did you"),
        ({}, "/x", "missing; float32 of shape [any, 2] is needed"),
        ({"x": [[1, 2]], "instances": []}, "/x", "unknown field"),
        ({"instances": []}, "/instances", "empty; at least one instance is needed"),
        ({"instances": {}}, "/instances", "an object where a list of instances belongs"),
        ({"instances": [[[1, 2]], 3]}, "/instances/1", "a number where a list belongs (float32"),
    ],
)
def test_a_wrong_form_is_named_by_its_place(value: object, pointer: str, detail: str) -> None:
    found = faults(signature_models.same("float32", [-1, -1, 2]), value)
    assert found.get(pointer, "").startswith(detail), found


def test_lists_of_any_length_have_the_length_of_the_first_one() -> None:
    found = faults(signature_models.same("float32", [-1, -1, -1]), [[1, 2], [3, 4, 5]])
    assert found == {
        "/1": "3 values, not 2, as in the lists before it (float32 of shape [any, any])"
    }


def test_names_that_are_missing_unknown_or_repeated_are_all_listed() -> None:
    model = signature_models.two_inputs()
    body = b'{"instances": [{"left": [1, 2, "3"], "middle": 1}, {"right": 1, "right": 2}, 5]}'
    assert set(faults(model, body)) == {
        "/instances/0/left/2",
        "/instances/0/middle",
        "/instances/0/right",
        "/instances/1/right",
        "/instances/1/left",
        "/instances/2",
    }
    found = faults(signature_models.regression(), b'{"age": null, "age": 2, "x": 1}')
    assert set(found) == {"/age", "/x", "/bmi~12"}


@pytest.mark.parametrize(
    "value", [{"b64": 1}, {"b64": "AAAA", "type": "png"}, {"b64": "%"}, {"b64": "AAAA"}]
)
def test_a_wrong_picture_is_named_by_its_place(value: object) -> None:
    found = faults(signature_models.pictures(), {"instances": [value]})
    assert all(pointer.startswith("/instances/0") for pointer in found)


def test_token_ids_beyond_the_vocabulary_are_refused() -> None:
    assert faults(signature_models.tokens(), [1, 50]) == {
        "/1": "50 where a token id from 0 to 49 belongs"
    }


def test_at_most_max_faults_are_listed() -> None:
    assert len(faults(signature_models.same("float32", [-1, 100]), ["x"] * 100)) == 20


# The fast decoder and the reader of errors must agree on any text.
SCALARS = st.one_of(
    st.integers(-3, 300),
    st.integers(2**62, 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["1.0", "1e3", "-0", "-0.0", "1E-2", "true", "null", '"1"', "[]", "1e999"]).map(
        lambda text: _Text(text)
    ),
)
DTYPES = ["float32", "float16", "bfloat16", "float64", "int64", "int8", "uint8", "bool"]


class _Text(str):
    """JSON text."""


def write(value: Any) -> str:
    if isinstance(value, _Text):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(write, value))}]"
    if isinstance(value, dict):
        fields = [f'"{name}": {write(each)}' for name, each in value.items()]
        return f"{{{', '.join(fields)}}}"
    return json.dumps(value)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[TensorModel, str]:
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.sampled_from([-1, 1, 2]), max_size=3))
    features = shape == [2] and draw(st.booleans())
    changes = {"features": [Feature(name="a"), Feature(name="b")]} if features else {}
    model = signature_models.same(dtype, [-1, *shape], **changes)
    valid = {"bool": st.booleans(), "int8": st.integers(-128, 127), "uint8": st.integers(0, 255)}
    usual = valid.get(
        dtype, st.integers(-9, 9) | st.floats(-9, 9) if "f" in dtype else st.integers(-9, 9)
    )
    scalars = draw(st.sampled_from([usual, usual, usual, usual | SCALARS]))

    def instance() -> Any:
        lengths = [draw(st.integers(1, 3)) if n == -1 else n for n in shape]
        value: Any = draw(st.just(None))

        def nested(rest: list[int]) -> Any:
            if not rest:
                return draw(scalars)
            extra = draw(st.integers(0, 40)) == 40
            return [nested(rest[1:]) for _ in range(rest[0] + extra)]

        value = nested(lengths)
        if features and draw(st.booleans()):
            value = {"a": value[0], "b": value[1]}
        if draw(st.integers(0, 3)) == 3:
            value = {"x": value}
        return value

    if draw(st.booleans()):
        return model, write(instance())
    count = draw(st.integers(1, 4))
    return model, write({"instances": [instance() for _ in range(count)]})


def outcome(read: Any) -> Any:
    try:
        found = read()
    except RequestError as error:
        return type(error), str(error)
    arrays = [
        {name: (array.dtype, array.tolist()) for name, array in each.items()}
        for each in found.rows.groups
    ]
    return arrays, found.rows.places, found.single


@settings(max_examples=100)
@given(bodies(), st.sampled_from([4, 16, 2**18]))
def test_fast_slow_and_sliced_reading_agree(body: tuple[TensorModel, str], size: int) -> None:
    model, text = body
    codec = TensorJson(model, 1000)
    content = text.encode()
    slow = outcome(lambda: codec._parse(content))
    assert outcome(lambda: codec.decode(content)) == slow
    sliced = outcome(lambda: codec.decode(content, slice_bytes=size))
    assert sliced == slow


@given(st.sampled_from(["float32", "float16", "bfloat16", "float64"]), st.data())
def test_a_valid_list_has_the_values_of_pythons_parser(dtype: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.floats(-60000, 60000), min_size=1, max_size=40))
    found = read(signature_models.same(dtype, [-1, -1]), {"instances": [values]})["x"][0]
    assert found == np.array(values).astype(dtype_of(dtype)).astype(object).tolist()


def test_a_valid_instance_may_be_longer_than_one_that_is_searched_for_errors() -> None:
    model = signature_models.same("float32", [-1, -1])
    long = np.arange(600_000) / 8
    body = json.dumps({"instances": [[1.5], long.tolist(), [2.5]]}).encode()
    assert len(body) > MOST_BYTES
    found = TensorJson(model, 1000).decode(body).rows
    assert [group["x"].shape for group in found.groups] == [(2, 1), (1, 600_000)]
    assert found.places == [0, 2, 1]
    np.testing.assert_array_equal(found.groups[1]["x"][0], long)
    found = faults(model, body.replace(b"[0.0,", b'["0",'))
    assert list(found) == ["/instances/1"]
    assert "the mistake is not searched for" in found["/instances/1"]


def test_a_long_instance_alone_is_read_as_in_a_list() -> None:
    values = np.arange(150_000) / 8
    text = json.dumps(values.tolist())
    one = signature_models.same("float64", [-1, -1])
    for body in (text, f' {{"x" : {text}}} ', f'\n{{"instances": [{text}]}}'):
        rows = TensorJson(one, 10).decode(body.encode()).rows
        np.testing.assert_array_equal(rows.arrays["x"], values[None])
    for body in (f"{text},", f"{text} {text}", f"[{text}]", f'{{"y": {text}}}', text[:-1]):
        with pytest.raises(RequestError):
            TensorJson(one, 10).decode(body.encode())
    with pytest.raises(RequestError):
        TensorJson(signature_models.two_inputs(), 10).decode(text.encode())
