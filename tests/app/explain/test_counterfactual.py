"""The search for an input of another class: on plain functions, and through the application."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.explain import Counterfactual
from app.explain.counterfactual import MOST_TRIED, find_counterfactual
from stateserve.model.architectures.compiled import compile_forward
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.tabular_card import read_card
from stateserve.model.cards.training_data import TrainingRows
from stateserve.model.checkpoint import save_checkpoint
from tests.checkpoints import make_card
from tests.networks import seeded
from tests.process import running_server
from tests.project import IRIS, ROOT
from tests.states import read_tensors

FOUND = "found by search: a nearer input of another class may exist"
NONE_FOUND = "none found by search: an input of another class may exist"


def rows_and_scales(seed: int, width: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(count + 1, width)).astype(np.float32)
    return rows, generator.uniform(0.5, 2, size=width)


def one_change_taken_back(found: Counterfactual, row: np.ndarray) -> np.ndarray:
    """A row for each change, which has all changes but this one."""
    changed = np.flatnonzero(found.row != row)
    rows = np.repeat(found.row[np.newaxis], len(changed), axis=0)
    rows[np.arange(len(changed)), changed] = row[changed]
    return rows


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 8), st.integers(2, 4))
@settings(max_examples=50)
def test_of_any_network_it_finds_another_class_with_no_needless_change(
    seed: int, inputs: int, hidden: int, outs: int
) -> None:
    module = seeded(seed, inputs, hidden, outs)
    forward = compile_forward(module)
    (row, *examples), scales = rows_and_scales(seed, inputs, seed % 20)
    found = find_counterfactual(forward, row, scales, np.reshape(examples, (-1, inputs)))
    own = forward(row[np.newaxis]).argmax()
    if found is None:
        assert all(forward(each[np.newaxis]).argmax() == own for each in examples)
        return
    with torch.inference_mode():
        logits = module.double().logits(torch.from_numpy(found.row[np.newaxis]).double())[0]
    # PyTorch sums in another order than the served model.
    assert logits[found.index] == pytest.approx(logits.max().item(), abs=1e-5)
    assert forward(found.row[np.newaxis]).argmax() == found.index != own
    np.testing.assert_array_equal(found.row.astype(np.float64), row + found.changes)
    assert found.distance == pytest.approx(float(np.linalg.norm(found.changes / scales)))
    assert (forward(one_change_taken_back(found, row)).argmax(axis=1) == own).all()


@given(st.integers(0, 10_000), st.integers(1, 12), st.floats(0.1, 5))
@settings(max_examples=30)
def test_of_a_function_that_shows_classes_alone_it_finds_the_way_to_the_plane(
    seed: int, width: int, distance: float
) -> None:
    """Class 1 begins at a plane, `distance` away; the scores do not depend on the distance."""
    (row, *examples), scales = rows_and_scales(seed, width, 20)
    normal = np.random.default_rng(seed + 1).normal(size=width)
    normal /= np.linalg.norm(normal)

    def beyond(rows: np.ndarray) -> np.ndarray:
        past = (rows.astype(np.float64) - row) / scales @ normal >= distance
        return np.stack([~past, past], axis=1).astype(np.float32)

    found = find_counterfactual(beyond, row, scales, np.array(examples))
    assert found is not None
    assert distance * (1 - 1e-5) <= found.distance <= distance * 1.05


def steps(*borders: float) -> np.ndarray:
    """A function of one feature whose class counts the borders up to it."""
    return lambda rows: np.eye(len(borders) + 1, dtype=np.float32)[
        (rows >= np.array(borders)).sum(axis=1)
    ]


def search(forward: object, row: list[float], *examples: list[float]) -> Counterfactual | None:
    at = np.array(row, np.float32)
    return find_counterfactual(
        forward, at, np.ones(len(row)), np.array(examples, np.float32).reshape(-1, len(row))
    )


def test_it_goes_up_to_the_border_as_near_as_float32_can() -> None:
    found = search(steps(-2.5, 3.5), [3], [9])
    assert (found.row[0], found.index) == (3.5, 2)
    # Without an example it searches in all directions.
    assert search(steps(-2.5, 3.5), [3]).row[0] == 3.5
    assert search(steps(-2.5, 30.5), [3]).row[0] == np.nextafter(np.float32(-2.5), -9)


def test_a_nearer_border_on_the_other_side_of_the_example_is_found() -> None:
    found = search(steps(-2.5, 3.5), [0], [9])
    assert (found.row[0], found.index) == (np.nextafter(np.float32(-2.5), -9), 0)


def test_of_equal_scores_the_first_is_the_class() -> None:
    """Class 1 below 2; from 2 on both scores are equal, so that the class is 0."""
    found = search(lambda rows: np.hstack([rows * 0, np.float32(1) * (rows < 2)]), [1], [4])
    assert (found.row[0], found.index) == (2, 0)
    assert search(lambda rows: np.zeros((len(rows), 3), np.float32), [-1], [4]) is None


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
def test_rows_that_a_prediction_refuses_are_none(score: float) -> None:
    def overflowing(rows: np.ndarray) -> np.ndarray:
        scores = steps(-20)(rows)[:, ::-1].copy()
        scores[rows[:, 0] > 2] = score
        return scores

    assert search(overflowing, [0], [1], [5], [-40]).row[0] < -20
    assert search(lambda rows: overflowing(np.abs(rows)), [0], [1], [5]) is None


def test_one_class_has_no_other() -> None:
    assert search(lambda rows: np.zeros((len(rows), 1), np.float32), [1, 2], [3, 4]) is None


def test_a_range_far_wider_than_the_others_is_no_division_by_zero() -> None:
    forward = compile_forward(Multiclass.from_state(read_tensors(IRIS)))
    row, scales = np.array([5.1, 3.5, 1.4, 0.2], np.float32), np.array([7.9e8, 2.4, 5.8, 2.4])
    found = find_counterfactual(forward, row, scales, np.empty((0, 4), np.float32))
    assert forward(found.row[np.newaxis]).argmax() == found.index != 0


@pytest.mark.parametrize("width", [1, 30, 3000])
def test_it_classifies_some_thousands_of_rows_and_few_numbers_at_a_time(width: int) -> None:
    calls = []

    def forward(rows: np.ndarray) -> np.ndarray:
        calls.append(rows.shape)
        return steps(0.3)(rows.mean(axis=1, keepdims=True))

    found = search(forward, [0.0] * width)
    assert found.row.mean() >= 0.3
    assert sum(count for count, _ in calls) < 15_000
    assert max(count * width for count, width in calls) < 2**22
    if width > MOST_TRIED:
        return
    assert found.row.min() > 0


def test_the_same_row_has_the_same_answer() -> None:
    forward = compile_forward(seeded(3, 6, 9, 3))
    (row, *examples), scales = rows_and_scales(3, 6, 20)
    first, second = (find_counterfactual(forward, row, scales, np.array(examples)) for _ in "ab")
    np.testing.assert_array_equal(first.row, second.row)


@pytest.mark.parametrize("row", read_card(IRIS.with_suffix(".json")).training_rows.rows[::15])
def test_of_iris_none_of_many_random_rows_is_much_nearer(row: list[float]) -> None:
    module, card = Multiclass.from_state(read_tensors(IRIS)), read_card(IRIS.with_suffix(".json"))
    at, scales = np.array(row, np.float32), np.array(card.scales)
    examples = np.array(card.training_rows.rows, np.float32)
    found = find_counterfactual(compile_forward(module), at, scales, examples)
    directions = np.random.default_rng(1).normal(size=(20_000, 4))
    directions *= found.distance / 1.01 / np.linalg.norm(directions, axis=1, keepdims=True)
    with torch.inference_mode():
        around = module.double()(torch.from_numpy(at + directions * scales)).argmax(dim=1)
    assert len(set(around.tolist())) == 1


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Models with training rows and without, and a model that always predicts the same class."""
    folder = tmp_path_factory.mktemp("models")
    for seed, with_rows in enumerate([True, False] * 2):
        module = seeded(seed, 3 + seed, 10, 3)
        generator = np.random.default_rng(seed)
        rows = generator.normal(size=(30, 3 + seed)).astype(np.float32).tolist()
        kept = TrainingRows(total=30, rows=rows, labels=[0] * 30) if with_rows else None
        card = make_card(module, baseline=rows[0], training_rows=kept)
        # A feature that is constant in training.
        features = [card.features[0].model_copy(update={"maximum": -1.0}), *card.features[1:]]
        card = card.model_copy(update={"features": features})
        save_checkpoint(module.state_dict(), card, folder / f"model-{seed}.pth")
    constant = seeded(0, 3, 3, 2)
    with torch.no_grad():
        constant.output.weight.zero_()
    card = make_card(constant, baseline=[0, 0, 0])
    save_checkpoint(constant.state_dict(), card, folder / "constant.pth")
    log = tmp_path_factory.mktemp("log") / "log"
    with (
        running_server(log, "--models", str(folder), "--model", "constant") as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        yield client


@given(
    st.integers(0, 3),
    st.lists(st.floats(-1000, 1000, width=32) | st.floats(-1, 1), min_size=6, max_size=6),
)
@settings(max_examples=25)
def test_the_service_gives_its_counterfactual_another_class_and_needs_each_change(
    service: httpx.Client, seed: int, values: list[float]
) -> None:
    model = f"/models/model-{seed}"
    row = {f"x{place}": value for place, value in enumerate(values[: 3 + seed])}
    explained = service.post(f"{model}/explain", json=row).json()
    found = explained["counterfactual"]
    assert explained["counterfactual_search"] == {"statement": FOUND if found else NONE_FOUND}
    if found is None:
        return
    changed = [name for name, change in found["changes"].items() if change]
    fewer = [found["features"] | {name: row[name]} for name in changed]
    body = {"instances": [found["features"], *fewer]}
    first, *rest = service.post(f"{model}/predict", json=body).json()["predictions"]
    assert first["class"] == found["class"] != explained["class"]
    assert {each["class"] for each in rest} == {explained["class"]}


def test_a_model_with_one_answer_says_that_none_was_found(service: httpx.Client) -> None:
    answer = service.post("/models/constant/explain", json={"x0": 5, "x1": -0.5, "x2": 0}).json()
    assert answer["counterfactual"] is None
    assert answer["counterfactual_search"] == {"statement": NONE_FOUND}


def test_the_schema_says_what_both_statements_mean(service: httpx.Client) -> None:
    schemas = service.get("/openapi.json").json()["components"]["schemas"]
    statement = schemas["CounterfactualSearchView"]["properties"]["statement"]
    assert statement["enum"] == [FOUND, NONE_FOUND]
    assert "found by search" in schemas["CounterfactualView"]["description"]
    none = schemas["ExplanationView"]["properties"]["counterfactual"]["description"]
    assert none == "null: none found by search; an input of another class may exist"


@pytest.mark.parametrize("document", ["README.md", "docs/page.md", "docs/figures.md"])
def test_the_documents_say_what_both_statements_mean(document: str) -> None:
    text = Path(ROOT / document).read_text()
    assert re.search(r"found by search\W{1,2}a nearer one may exist", text)
    assert re.search("none is found by search, one may exist", text)
    assert not re.search("(smallest|least|nearest) (change|input)|counterfactual is prove", text)
