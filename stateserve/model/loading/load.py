"""Load any model: a tabular classifier, or a module whose code the user brings."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from torch import Tensor, nn

from stateserve.checkpoint import read_plain_state, state_sha256
from stateserve.errors import CardMismatch, CodeFailed, StateMismatch
from stateserve.model.architectures.code import open_code, open_packed
from stateserve.model.architectures.exported_program import ProgramModule
from stateserve.model.architectures.state_fit import take_off
from stateserve.model.architectures.user_class import PROGRAM_SUFFIX
from stateserve.model.arrays import TensorState, to_tensors
from stateserve.model.card import card_path
from stateserve.model.inference import Example, infer, made_example, read_example
from stateserve.model.inference.example import SUFFIXES
from stateserve.model.loading.card_file import read_any_card
from stateserve.model.loading.options import LoadOptions
from stateserve.model.model_card import ModelCard
from stateserve.model.packing.golden_file import read_golden
from stateserve.model.predictor import Predictor
from stateserve.model.tensor_model import TensorModel
from stateserve.text import printable

NO_OPTIONS = LoadOptions()


def load_model(
    path: Path | str, name: str | None = None, version: str = "1", options: LoadOptions = NO_OPTIONS
) -> Predictor | TensorModel:
    """Load the state at `path` with its card, or without one by `options`.

    The default of `name` is the path's stem. Raises CheckpointError, one line, for a model that
    cannot be served; CodeNotAllowed if loading it would run a file without permission.
    """
    path = Path(path)
    name = name or printable(path.stem)
    # A broken link counts as a card, which cannot be read.
    card = read_any_card(card_path(path)) if os.path.lexists(card_path(path)) else None
    if card is not None and options.code is not None:
        raise CardMismatch(
            f"{card_path(path)}: the state has a model card; code is named for a state without one"
        )
    if isinstance(card, ModelCard):
        return _load_packed(path, card, name, version, allow_code=options.allow_code)
    if options.code is not None or path.suffix == PROGRAM_SUFFIX:
        return _load_by_example(path, name, version, options)
    return Predictor.load(path, name, version)


def _load_packed(
    path: Path, card: ModelCard, name: str, version: str, *, allow_code: bool
) -> TensorModel:
    state = _read_state(path, card.prefix)
    golden = read_golden(path.parent, card)
    code = open_packed(path.parent, card.code, allow_code=allow_code)
    if state is not None:
        # Before any code runs.
        _require_hash(path, state, card)
    with _naming(path):
        module = code.module_of(state)
    if state is None:
        _require_hash(path, module.state_dict(), card)
    model = TensorModel(module, card, name, version, golden=golden)
    with _naming(path):
        model.require_golden_outputs()
    return model


def _load_by_example(path: Path, name: str, version: str, options: LoadOptions) -> TensorModel:
    state = _read_state(path, options.strip_prefix)
    code = open_code(options.code or str(path), options.kwargs)
    with _naming(path):
        module = code.module_of(state)
        found = infer(module, _example(path, module, options.example), options.hints)
    card = ModelCard(
        name=name,
        code=code.entry,
        inputs=found.signature.inputs,
        outputs=found.signature.outputs,
        state_sha256=state_sha256(module.state_dict() if state is None else state),
        prefix=options.strip_prefix,
    )
    return TensorModel(module, card, name, version, golden=found.golden, notes=found.notes)


def _read_state(path: Path, prefix: str) -> TensorState | None:
    """The state without `prefix`; None for a program, which holds its own."""
    if path.suffix == PROGRAM_SUFFIX:
        return None
    state = to_tensors(read_plain_state(path))
    with _naming(path):
        return take_off(prefix, state)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors about a state, its card or its module begin with the path."""
    try:
        yield
    except (CardMismatch, StateMismatch) as error:
        raise type(error)(f"{path}: {error}") from None


def _example(path: Path, module: nn.Module, given: Example | Path | None) -> Example:
    if isinstance(given, Path):
        return read_example(given)
    if given is not None:
        return given
    if isinstance(module, ProgramModule):
        return made_example(module)
    raise CodeFailed(
        f"{path}: the model's inputs are not known; give an example of them, --example FILE, "
        f"which is {SUFFIXES}"
    )


def _require_hash(path: Path, state: Mapping[str, Tensor], card: ModelCard) -> None:
    if (found := state_sha256(state)) != card.state_sha256:
        raise CardMismatch(
            f"{card_path(path)}: the card is of state {card.state_sha256[:12]}, "
            f"but {path.name} holds state {found[:12]}"
        )
