"""Every endpoint can use a card that loads; the error for other cards names the field."""

import asyncio
import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.settings.settings import Settings
from stateserve.errors import CardMismatch, CheckpointError
from stateserve.model.cards.tabular_card import TRAINED, read_card
from stateserve.model.predictor import Predictor
from tests.project import IRIS, SETOSA
from tests.service import open_client

GOOD = json.loads(IRIS.with_suffix(".json").read_text())
STRANGE = [
    *(0, -1, 1e-320, -1e-320, 1e-30, 1e30, -1e30, 1e39, 1e300, -1e300, 0.5, 2**53, 2**63, 10**25),
    *(float("nan"), float("inf"), "NaN", "1", None, True, [], {}, "", "x" * 300, [[]], [None]),
]
FACTORS = [0, -1, 1e-45, 1e-30, 1e-8, 1e8, 1e27, 1e60]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every inner value; of long lists only the ends."""
    if isinstance(value, dict):
        inner: list[Any] = list(value)
    else:
        inner = sorted({0, 1, len(value) - 1}) if isinstance(value, list) else []
        inner = [index for index in inner if index < len(value)]
    return [at, *(place for each in inner for place in places(value[each], (*at, each)))]


PLACES = [place for place in places(GOOD) if place and place[0] != "state_sha256"]


def scaled(value: Any, factor: float) -> Any:
    if isinstance(value, list):
        return [scaled(each, factor) for each in value]
    if isinstance(value, dict):
        return {name: scaled(each, factor) for name, each in value.items()}
    return value * factor if type(value) is float else value


def changed(place: tuple[Any, ...], change: Any) -> Any:
    card = copy.deepcopy(GOOD)
    inner = card
    for each in place[:-1]:
        inner = inner[each]
    inner[place[-1]] = change(inner[place[-1]])
    return card


CHANGES = st.one_of(
    st.sampled_from(STRANGE).map(lambda new: lambda _: new),
    st.sampled_from(FACTORS).map(lambda factor: lambda old: scaled(old, factor)),
    st.just(lambda old: list(reversed(old)) if isinstance(old, list) else old),
    st.just(lambda old: old[:-1] if isinstance(old, list) else old),
    st.just(lambda old: [*old, *old] if isinstance(old, list) else old),
)


async def statuses(path: Path, log: str) -> dict[str, int]:
    flowers = [SETOSA, dict.fromkeys(SETOSA, 1e30), dict.fromkeys(SETOSA, -1e-30)]
    query = "?calibrated=true&out_of_distribution=true&log_probabilities=true"
    found = {}
    async with open_client(Settings(model=path, prediction_log=log)) as client:
        for index, flower in enumerate(flowers):
            for ask in ("/predict", f"/predict{query}", "/explain"):
                found[f"{ask} {index}"] = (await client.post(ask, json=flower)).status_code
        for ask in ("/model", "/monitoring", "/openapi.json", "/v2/models/iris-model", "/metrics"):
            found[ask] = (await client.get(ask)).status_code
    return found


def refusal(path: Path) -> str | None:
    try:
        Predictor.load(path)
    except CheckpointError as error:
        return str(error)
    return None


# Each example starts an application.
@settings(max_examples=settings().max_examples // 3)
@given(st.sampled_from(PLACES), CHANGES, st.sampled_from([(), TRAINED]))
def test_a_card_that_loads_answers_everywhere(
    tmp_path_factory: pytest.TempPathFactory,
    place: tuple[Any, ...],
    change: Any,
    unknown: tuple[str, ...],
) -> None:
    folder = tmp_path_factory.mktemp("card")
    path = folder / "iris-model.pth"
    shutil.copy(IRIS, path)
    card = changed(place, change) | dict.fromkeys(unknown)
    path.with_suffix(".json").write_text(json.dumps(card))
    if reason := refusal(path):
        assert str(path.with_suffix("")) in reason
        assert "\n" not in reason
        return
    found = asyncio.run(statuses(path, f"sqlite:///{folder}/log.db"))
    assert not [ask for ask, status in found.items() if status >= 500 and status != 501], found


HISTOGRAM = {"edges": [0, 1, 2], "counts": [1, 1]}


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (("features", 0, "minimum"), 100, "features.0"),
        (("features", 2, "maximum"), 1e39, "features.2.maximum"),
        (("features", 2, "unit"), "x" * 1_000_000, "features.2.unit"),
        (("features", 1, "name"), "x" * 1_000_000, "features.1.name"),
        (("baseline", 0), 1e39, "baseline.0"),
        (("training_rows", "rows", 3, 2), -1e39, "training_rows.rows.3.2"),
        (("golden", "inputs", 0, 0), 1e39, "golden.inputs.0.0"),
        (("golden", "inputs", 0, 0), "NaN", "golden.inputs.0.0"),
        (("golden", "log_probabilities", 0, 0), -1e300, "golden.log_probabilities.0.0"),
        (("histograms", 0), HISTOGRAM | {"counts": [0, 0]}, "histograms.0"),
        (("histograms", 0), HISTOGRAM | {"counts": [-1, 2]}, "histograms.0.counts.0"),
        (("histograms", 0), HISTOGRAM | {"counts": [1, 10**18]}, "histograms.0.counts.1"),
        (("histograms", 0), HISTOGRAM | {"edges": [2, 1, 0]}, "histograms.0"),
        (("calibration", "temperature"), 0, "calibration.temperature"),
        (("calibration", "temperature"), -1, "calibration.temperature"),
        (("calibration", "temperature"), 1e300, "calibration.temperature"),
        (("calibration", "bootstrap"), None, "calibration"),
        (("calibration", "bootstrap", "level"), 1, "calibration.bootstrap.level"),
        (
            ("calibration", "after", "expected_calibration_error_interval"),
            [0.2, 0.1],
            "calibration.after",
        ),
        (("mahalanobis", "percentiles", 50), 0, "mahalanobis"),
        (("mahalanobis", "precision", 0, 0), -1e9, "mahalanobis"),
        (("mahalanobis", "precision", 0, 1), 1e6, "mahalanobis"),
        (("split", "train_rows"), 2**60, "split.train_rows"),
        (("metrics", "test_accuracy"), 2, "metrics.test_accuracy"),
        (("classes", 1), "", "classes.1"),
    ],
)
def test_what_no_training_writes_is_refused_by_its_field(
    tmp_path: Path, place: tuple[Any, ...], value: Any, field: str
) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(changed(place, lambda _: value)))
    with pytest.raises(CardMismatch) as caught:
        read_card(path)
    assert str(caught.value).startswith(f"{path}: {field}: ")
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"seed": 1e400}', "the number 1e400 is not finite"),
        ('{"seed": %s}' % ("9" * 400), "no field 'seed'"),
        ('{"seed": NaN}', "the number NaN is not finite"),
        ("[" * 100_000, "nested too deeply"),
        ("{" + ", ".join(f'"a{n % 150_000}": 0' for n in range(300_000)) + "}", "key 'a0' stands"),
        ({"classes": [str(n) for n in range(100_000)]}, "a length of at most 10000"),
        ({"baseline": ["x"] * 1_000_000}, "baseline.0"),
        ({f"field{n}": n for n in range(100_000)}, "no field 'field0'"),
        (" " * 2**23 + "{}", "at most 8388608 do"),
    ],
)
def test_a_card_of_any_size_is_refused_at_its_first_fault(
    tmp_path: Path, text: str | dict[str, Any], reason: str
) -> None:
    written = text if isinstance(text, str) else json.dumps(GOOD | text)
    (tmp_path / "card.json").write_text(written)
    with pytest.raises(CardMismatch, match=reason) as caught:
        read_card(tmp_path / "card.json")
    assert len(str(caught.value)) < 1000
