"""Load any model: a tabular classifier, or a module whose code the user brings."""

import os
from pathlib import Path

from stateserve.checkpoint import read_state, state_sha256
from stateserve.errors import CardMismatch, CodeFailed, StateMismatch
from stateserve.model.architectures.code import open_code, open_packed
from stateserve.model.architectures.state_fit import take_off
from stateserve.model.card import card_path
from stateserve.model.card_file import read_any_card
from stateserve.model.inference import infer, read_example
from stateserve.model.inference.example import SUFFIXES
from stateserve.model.load_options import LoadOptions
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
    try:
        if isinstance(card, ModelCard):
            return _load_packed(path, card, name, version, allow_code=options.allow_code)
        if options.code is not None:
            return _load_by_example(path, options.code, name, version, options)
    except (CardMismatch, StateMismatch) as error:
        # Those of a file name it.
        text = str(error)
        raise type(error)(
            text if text.startswith(str(path.parent)) else f"{path}: {text}"
        ) from None
    return Predictor.load(path, name, version)


def _load_packed(
    path: Path, card: ModelCard, name: str, version: str, *, allow_code: bool
) -> TensorModel:
    state = take_off(card.prefix, read_state(path))
    if (found := state_sha256(state)) != card.state_sha256:
        raise CardMismatch(
            f"{card_path(path)}: the card is of state {card.state_sha256[:12]}, "
            f"but {path.name} holds state {found[:12]}"
        )
    golden = read_golden(path.parent, card)
    code = open_packed(path.parent, card.code, allow_code=allow_code)
    model = TensorModel(code.module_of(state), card, name, version, golden=golden)
    model.require_golden_outputs()
    return model


def _load_by_example(
    path: Path, code_text: str, name: str, version: str, options: LoadOptions
) -> TensorModel:
    state = take_off(options.strip_prefix, read_state(path))
    code = open_code(code_text, options.kwargs)
    module = code.module_of(state)
    example = options.example
    if example is None:
        raise CodeFailed(
            f"{path}: the model's inputs are not known; give an example of them, --example FILE, "
            f"which is {SUFFIXES}"
        )
    given = read_example(example) if isinstance(example, Path) else example
    found = infer(module, given, options.hints)
    card = ModelCard(
        name=name,
        code=code.entry,
        inputs=found.signature.inputs,
        outputs=found.signature.outputs,
        state_sha256=state_sha256(state),
        prefix=options.strip_prefix,
    )
    return TensorModel(module, card, name, version, golden=found.golden, notes=found.notes)
