"""Load any model: a tabular classifier, or a module whose code the user brings."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from stateserve.checkpoint import state_sha256
from stateserve.errors import CardMismatch
from stateserve.model.architectures.code import open_code, open_packed
from stateserve.model.architectures.float_dtype import cast_note
from stateserve.model.architectures.user_class import PROGRAM_SUFFIX
from stateserve.model.cards.card_location import card_beside, card_path
from stateserve.model.cards.model_card import ModelCard
from stateserve.model.loading.card_file import read_any_card
from stateserve.model.loading.golden_check import checked
from stateserve.model.loading.golden_file import read_golden
from stateserve.model.loading.model_name import holds_models, name_and_version, packed_in
from stateserve.model.loading.options import LoadOptions
from stateserve.model.loading.state_file import naming, read_state_without
from stateserve.model.predictor import Predictor
from stateserve.model.signature_inference import example_of, infer
from stateserve.model.tensor_model import TensorModel

NO_OPTIONS = LoadOptions()


def load_model(
    path: Path | str, name: str | None = None, version: str = "1", options: LoadOptions = NO_OPTIONS
) -> Predictor | TensorModel:
    """Load the state at `path`, or in the folder of a packed model, with its card, or without one
    by `options`.

    The default of `name` is that of a packed folder, `digits` of digits/1/model.pth, else the
    path's stem. Raises CheckpointError, one line, for a model that
    cannot be served; CodeNotAllowed if loading it would run a file without permission.
    """
    path = Path(path)
    if path.is_dir() and options.code is None and holds_models(path):
        path, folder, _ = packed_in(path)
        name = name or folder
    name = name or name_and_version(path)[0]
    beside = card_beside(path)
    card = read_any_card(beside) if beside else None
    if card is not None and options.code is not None:
        raise CardMismatch(
            f"{card_path(path)}: the state has a model card; code is named for a state without one"
        )
    if isinstance(card, ModelCard):
        return _load_packed(path, card, name, version, options)
    if options.code is not None or path.suffix == PROGRAM_SUFFIX:
        return _load_by_example(path, name, version, options)
    return Predictor.load(path, name, version, options.key)


def _load_packed(
    path: Path, card: ModelCard, name: str, version: str, options: LoadOptions
) -> TensorModel:
    state = read_state_without(path, card.prefix, options.key)
    golden = read_golden(card_path(path), card)
    code = open_packed(path.parent, card.code, allow_code=options.allow_code)
    if state is not None:
        # Before any code runs.
        _require_hash(path, state, card)
    with naming(path):
        module = code.module_of(state)
    if state is None:
        _require_hash(path, module.state_dict(), card)
    graph = path.parent / card.onnx.file if card.onnx else None
    model = TensorModel(
        module, card, name, version, golden=golden, choice=options.backend, graph=graph
    )
    with naming(path):
        return checked(model)


def _load_by_example(path: Path, name: str, version: str, options: LoadOptions) -> TensorModel:
    state = read_state_without(path, options.strip_prefix, options.key, modules=True)
    code = open_code(options.code or str(path), options.kwargs)
    with naming(path, options.strip_prefix):
        module = code.module_of(state)
        example = example_of(module, options.example, options.hints)
        found = infer(module, example, options.hints)
        if note := cast_note(state or {}, module):
            found.notes.append(note)
    card = ModelCard(
        name=name,
        code=code.entry,
        inputs=found.signature.inputs,
        outputs=found.signature.outputs,
        equal_axes=found.signature.equal_axes,
        state_sha256=state_sha256(module.state_dict() if state is None else state),
        prefix=options.strip_prefix,
    )
    model = TensorModel(
        module, card, name, version, golden=found.golden, notes=found.lines, choice=options.backend
    )
    with naming(path):
        return checked(model)


def _require_hash(path: Path, state: Mapping[str, Tensor], card: ModelCard) -> None:
    if (found := state_sha256(state)) != card.state_sha256:
        raise CardMismatch(
            f"{card_path(path)}: the card is of state {card.state_sha256[:12]}, "
            f"but {path.name} holds state {found[:12]}; pack the new state as the next version"
        )
