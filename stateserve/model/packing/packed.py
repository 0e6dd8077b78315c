"""Pack a model: infer its signature, write its files, and load them again."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import nn

from stateserve.checkpoint import Array, encode_state, state_sha256
from stateserve.errors import CardMismatch, CheckpointError, CodeFailed
from stateserve.field_faults import first_fault
from stateserve.model.architectures.code import OpenCode, ProgramFile, open_code
from stateserve.model.architectures.code_record import UserClass
from stateserve.model.architectures.float_dtype import cast_note
from stateserve.model.architectures.user_class import ONNX_SUFFIX, PROGRAM_SUFFIX
from stateserve.model.arrays import TensorState
from stateserve.model.backends.backend import BackendChoice
from stateserve.model.backends.onnx_graph import export_onnx
from stateserve.model.cards.card_location import card_path
from stateserve.model.cards.model_card import GoldenFile, ModelCard, OnnxFile, TableRecord
from stateserve.model.loading.golden_file import encode_golden, golden_path
from stateserve.model.loading.load import load_model
from stateserve.model.loading.options import LoadOptions
from stateserve.model.loading.state_file import naming, read_state_without
from stateserve.model.packing.exported import export_program
from stateserve.model.packing.place import Place, staged
from stateserve.model.packing.torchserve_archive import archive_of, unpacked
from stateserve.model.signature_inference import Example, Hints, Inferred, example_of, infer
from stateserve.model.signature_inference.rows import GOLDEN_ROWS


@dataclass(frozen=True)
class Record:
    """What training adds to the card."""

    dataset: str | None = None
    hyperparameters: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    table: TableRecord | None = None


@dataclass(frozen=True)
class Packed:
    """A written model. `notes` say what was assumed."""

    state: Path
    card: ModelCard
    files: list[Path]
    notes: list[str]

    @property
    def serve(self) -> str:
        """The command that serves it."""
        folder = self.state.parent
        versioned = folder.name.isdecimal() and folder.parent.name
        models = f"--models {folder.parent.parent} --model {folder.parent.name}"
        what = models if versioned else f"--model {self.state}"
        allowed = " --allow-code" if isinstance(self.card.code, UserClass) else ""
        return f"stateserve serve {what}{allowed}"


class Packing:
    """A model between its code and its files: its module has been made and run."""

    def __init__(
        self,
        code: OpenCode,
        state: TensorState | None,
        example: Example | Path | None,
        hints: Hints,
    ) -> None:
        """Raises CheckpointError: one line that says why the model cannot be packed."""
        self._code, self._hints, self._example = code, hints, example
        self._graph: bytes | None = None
        self._set(code, state)

    def _set(self, code: OpenCode, state: TensorState | None) -> None:
        self.code = code
        self.module: nn.Module = code.module_of(state)
        self.state = dict(self.module.state_dict()) if state is None else state
        example = example_of(self.module, self._example, self._hints)
        self.found: Inferred = infer(self.module, example, self._hints)
        if note := cast_note(self.state, self.module):
            self.found.notes.append(note)

    def export(self, stem: str) -> None:
        """Take a program of torch.export in place of the class. Raises CheckpointError."""
        rows, _ = self.found.golden[GOLDEN_ROWS]
        content = export_program(self.module, self.found.signature, rows)
        notes = self.found.lines
        self._example = rows
        # As the module has it: torch has cast a state of other dtypes.
        state = dict(self.module.state_dict())
        self._set(ProgramFile(Path(stem + PROGRAM_SUFFIX), content), state)
        self.found.notes[:0] = [each for each in notes if each not in self.found.lines]

    def add_graph(self) -> None:
        """Add the ONNX graph of the module. Raises CardMismatch or MissingExtra."""
        rows, _ = self.found.golden[GOLDEN_ROWS]
        self._graph = export_onnx(self.module, self.found.signature, rows)

    def write(self, place: Place, name: str | None, record: Record, *, replace: bool) -> Packed:
        """Write the files to `place`, once a copy of them has been loaded. Raises CheckpointError,
        or OSError."""
        state = Path(place.state)
        golden, entry = encode_golden(self.found.golden, golden_path(state).name)
        graph, onnx = {}, None
        if self._graph is not None:
            onnx = OnnxFile(
                file=state.with_suffix(ONNX_SUFFIX).name,
                sha256=hashlib.sha256(self._graph).hexdigest(),
            )
            graph = {onnx.file: self._graph}
        card = self._card(name or place.name, entry, onnx, record)
        files = {
            **self.code.files,
            entry.file: golden,
            **graph,
            place.state: encode_state(self.state, state),
            card_path(state).name: card.to_json(),
        }
        with staged(place.parent, files) as folder:
            try:
                backend = BackendChoice("onnxruntime" if onnx else "eager")
                options = LoadOptions(allow_code=True, backend=backend)
                load_model(folder / place.state, options=options)
            except CheckpointError as error:
                raise type(error)(str(error).replace(str(folder), str(place.folder))) from None
        written = place.write(files, replace=replace)
        return Packed(place.folder / place.state, card, written, self.found.lines)

    def _card(
        self, name: str, golden: GoldenFile, onnx: OnnxFile | None, record: Record
    ) -> ModelCard:
        try:
            return ModelCard(
                name=name,
                code=self.code.entry,
                inputs=self.found.signature.inputs,
                outputs=self.found.signature.outputs,
                equal_axes=self.found.signature.equal_axes,
                state_sha256=state_sha256(self.state),
                golden=golden,
                onnx=onnx,
                dataset=record.dataset,
                hyperparameters=dict(record.hyperparameters),
                metrics=dict(record.metrics),
                table=record.table,
                libraries={"torch": str(torch.__version__)},
            )
        except ValidationError as error:
            raise CardMismatch(f"the card: {first_fault(error)}") from None


def pack_model(
    state: Path | None,
    output: Path,
    options: LoadOptions,
    *,
    name: str | None = None,
    program: bool = False,
    onnx: bool = False,
    replace: bool = False,
    read_picture: Callable[[Path, Hints], Array | Path] | None = None,
) -> Packed:
    """Write a model to the folder, or beside the checkpoint, `output`.

    With `program`, its code becomes a program of torch.export; with `onnx`, its ONNX graph is
    added; with `replace`, files there are replaced. The code may be an archive of TorchServe, which
    has a state. `read_picture` makes an array of a file of the example that is a picture, as the
    hints say, those of the archive included; it returns the path of another file. Raises
    CheckpointError, one line, or OSError.
    """
    if archive := archive_of(options.code or ""):
        with unpacked(*archive, options) as found:
            packed = pack_model(
                state or found.state,
                output,
                found.options,
                name=name or found.name,
                program=program,
                onnx=onnx,
                replace=replace,
                read_picture=read_picture,
            )
        return dataclasses.replace(packed, notes=[*found.notes, *packed.notes])
    place = Place.of(output)
    example = options.example
    if read_picture and isinstance(example, Path):
        example = read_picture(example, options.hints)
    code = open_code(options.code or "", options.kwargs)
    if state is None and not isinstance(code, ProgramFile):
        raise CodeFailed(f"{options.code}: a class has no state; name its checkpoint, too")
    held = None
    if state is not None:
        held = read_state_without(state, options.strip_prefix, options.key, modules=True)
    with naming(state or Path(options.code or ""), options.strip_prefix):
        packing = Packing(code, held, example, options.hints)
        if program and not isinstance(code, ProgramFile):
            packing.export(Path(place.state).stem)
        if onnx:
            packing.add_graph()
        return packing.write(place, name, Record(), replace=replace)
