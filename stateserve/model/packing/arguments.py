"""The arguments of save_model, whose types a script may have mistaken."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError
from torch import nn

from stateserve.errors import CardMismatch
from stateserve.model.cards.model_card import TableRecord
from stateserve.model.packing.packed import Record

Form = TypeVar("Form")
_FINITE = ConfigDict(allow_inf_nan=False)
_TEXT = TypeAdapter(str | None)
_SETTINGS = TypeAdapter(dict[str, bool | int | float | str] | None, config=_FINITE)
_METRICS = TypeAdapter(dict[str, float] | None, config=_FINITE)
_KWARGS = TypeAdapter(dict[str, JsonValue] | None)


def require_module(module: object) -> None:
    """Raises CardMismatch for anything but a module, such as its class or its state."""
    if not isinstance(module, nn.Module):
        of = "the class" if isinstance(module, type) else f"of type {type(module).__name__}"
        raise CardMismatch(f"module: {of}; accepted is a torch.nn.Module, such as model = Net()")


def require_texts(**given: object) -> None:
    """Raises CardMismatch, which names the first that is neither a text nor None."""
    for name, each in given.items():
        _require(_TEXT, name, each, "a text")


def require_path(path: object) -> None:
    if not isinstance(path, str | Path):
        kind = type(path).__name__
        raise CardMismatch(f'path: of type {kind}; accepted is a folder, "models/digits/1"')


def require_kwargs(kwargs: object) -> None:
    _require(_KWARGS, "kwargs", kwargs, 'values of JSON by argument, {"n_classes": 10}')


def record_of(
    dataset: str | None,
    hyperparameters: Mapping[str, bool | int | float | str] | None,
    metrics: Mapping[str, float] | None,
    table: TableRecord | None,
) -> Record:
    """Raises CardMismatch, which names what is not accepted."""
    require_texts(dataset=dataset)
    scalars = "booleans, finite numbers and texts by name"
    _require(_SETTINGS, "hyperparameters", hyperparameters, scalars)
    _require(_METRICS, "metrics", metrics, "finite numbers by name")
    return Record(dataset, hyperparameters or {}, metrics or {}, table)


def _require(form: TypeAdapter[Form], what: str, given: object, accepted: str) -> None:
    try:
        form.validate_python(given)
    except ValidationError as error:
        for name in error.errors(include_url=False, include_input=False)[0]["loc"][:1]:
            if isinstance(given, Mapping) and name in given:
                what, given = f"{what} {name!r:.100}", given[name]
        found = f"{given!r:.50} of type {type(given).__name__}"
        raise CardMismatch(f"{what}: {found}; accepted: {accepted}") from None
