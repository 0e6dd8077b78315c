"""The model of an archive of TorchServe: its class, its state, its labels and its transforms.

The archive is a zip file, as torch-model-archiver writes it, or the same files in a folder. Its
handler is not run; that of `image_classifier` and `image_segmenter` is replaced by the same steps.

Source: the format of MAR-INF/MANIFEST.json and the default handlers of TorchServe 0.12.
"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, Field, ValidationError

from stateserve.checkpoint import read_regular_file, unzip
from stateserve.errors import CardMismatch, CheckpointError, CodeFailed, UnreadableCheckpoint
from stateserve.field_faults import first_fault
from stateserve.json_document import read_json
from stateserve.model.architectures.user_class import ONNX_ALONE, ONNX_SUFFIX, PROGRAM_SUFFIX
from stateserve.model.image_input import ImageInput
from stateserve.model.loading.options import LoadOptions, read_classes
from stateserve.temporary_folder import require_temporary_folder

SUFFIX = ".mar"
MANIFEST = "MAR-INF/MANIFEST.json"
LABELS = "index_to_name.json"
MAX_TEXT_BYTES = 2**24
PICTURES = ("image_classifier", "image_segmenter")
# The transforms of these handlers.
IMAGE = ImageInput(
    mode="RGB", resize=256, crop=[224, 224], mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
)


class Described(BaseModel):
    """The fields of `model` in the manifest that say what to load."""

    name: str = Field(default="", alias="modelName")
    state: str = Field(default="", alias="serializedFile")
    code: str = Field(default="", alias="modelFile")
    handler: str = ""


class Manifest(BaseModel):
    model: Described


def archive_of(code: str) -> tuple[Path, str] | None:
    """The archive and the class of FILE.mar or FILE.mar:CLASS; None for other code."""
    for file, name in ((code, ""), code.rpartition(":")[::2]):
        path = Path(file)
        if path.suffix == SUFFIX or (path / MANIFEST).is_file():
            return path, name
    return None


@dataclass(frozen=True)
class Unpacked:
    """The model of an archive; `options` name its code, and `notes` say what was taken."""

    state: Path | None
    options: LoadOptions
    name: str | None
    notes: list[str]


@contextmanager
def unpacked(path: Path, class_name: str, options: LoadOptions) -> Iterator[Unpacked]:
    """The model of an archive, for whose labels and transforms `options` stand where given.

    `class_name` may be empty if the file of code defines one module. Errors name the archive, not
    the temporary folder. Raises CheckpointError, one line, or OSError.
    """
    require_temporary_folder("an archive of TorchServe")
    with TemporaryDirectory() as name:
        folder, model = path if path.is_dir() else Path(name), Described()
        try:
            if folder != path:
                _unpack(path, folder)
            model = _manifest(folder).model
            code, state = _code_and_state(folder, model)
            completed, notes = _completed(folder, model, options)
            _require_example(folder, model, completed)
            named = f"{code}:{class_name}" if class_name else str(code)
            completed = dataclasses.replace(completed, code=named)
            yield Unpacked(state, completed, model.name or None, notes)
        except CheckpointError as error:
            text = str(error).replace(f"{folder / model.code}:CLASS", f"{path}:CLASS")
            raise type(error)(text.replace(str(folder), str(path))) from None


def _unpack(path: Path, folder: Path) -> None:
    """Write the manifest, code, state and labels into the folder."""
    try:
        unzip(path, folder, MANIFEST.__eq__)
        state = _manifest(folder).model.state
        unzip(path, folder, lambda name: name in (state, LABELS) or name.endswith(".py"))
    except UnreadableCheckpoint as error:
        raise UnreadableCheckpoint(f"{path}: not an archive of TorchServe: {error}") from None


def _manifest(folder: Path) -> Manifest:
    content = read_regular_file(folder / MANIFEST, MAX_TEXT_BYTES)
    try:
        return Manifest.model_validate(read_json(content))
    except ValidationError as error:
        raise CardMismatch(f"{folder / MANIFEST}: {first_fault(error)}") from None
    except ValueError as error:
        raise CardMismatch(f"{folder / MANIFEST}: {error}") from None


def _code_and_state(folder: Path, model: Described) -> tuple[Path, Path | None]:
    """Raises CodeFailed for a model without a class, and UnreadableCheckpoint."""
    inside = {each: folder / each for each in (model.state, model.code) if each}
    for each, file in inside.items():
        inner = "\0" not in each and file.resolve().is_relative_to(folder.resolve())
        if not inner or not file.is_file():
            raise UnreadableCheckpoint(f"{folder}: the archive has no file {each!r:.100}")
    if model.state.endswith(PROGRAM_SUFFIX):
        return inside[model.state], None
    if not model.state:
        raise CodeFailed(f"{folder}: it names no file of weights; its handler makes the model")
    if not model.code and model.state.endswith(ONNX_SUFFIX):
        raise CodeFailed(f"{folder}: {model.state} is {ONNX_ALONE}")
    if not model.code:
        raise CodeFailed(
            f"{folder}: without a model file, {model.state} is TorchScript, whose code is not "
            "run; unpack it, and bring the class: stateserve pack FILE.py:CLASS "
            f"{model.state} --example x.npy --output FOLDER; or export the module with torch.export"
        )
    return inside[model.code], inside[model.state]


def _completed(
    folder: Path, model: Described, options: LoadOptions
) -> tuple[LoadOptions, list[str]]:
    """The options, with the labels and the transforms of the archive where they are not given."""
    hints, notes = options.hints, []
    if not hints.classes and (folder / LABELS).is_file():
        hints = dataclasses.replace(hints, classes=read_classes(folder / LABELS))
        notes.append(f"the classes are those of {LABELS}")
    if model.handler in PICTURES and not hints.image:
        hints = dataclasses.replace(hints, image={"": IMAGE})
        notes.append(f"pictures are resized, cropped and scaled as by {model.handler}")
    elif model.handler:
        notes.append(
            f"the handler {model.handler:.100} is not run; --image, --tokens and --classes say how "
            "inputs and outputs are read"
        )
    return dataclasses.replace(options, hints=hints), notes


def _require_example(folder: Path, model: Described, options: LoadOptions) -> None:
    """Raises CardMismatch where a handler of the user's own has made the inputs, and no option
    says how. A program has its inputs in its file."""
    known = options.example is not None or options.hints.image
    if model.handler and not known and not model.state.endswith(PROGRAM_SUFFIX):
        raise CardMismatch(
            f"{folder}: the handler {model.handler:.100} is not run, so the model's inputs are not "
            "known; --image says how it makes them of pictures, or --example FILE has some"
        )
