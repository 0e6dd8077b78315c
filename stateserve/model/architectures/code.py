"""The code of a model, opened: it makes the module of a state."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol

import torch
from pydantic import JsonValue, ValidationError
from torch import nn

from stateserve.checkpoint import read_regular_file
from stateserve.errors import CardMismatch, CodeFailed, CodeNotAllowed
from stateserve.field_faults import first_fault
from stateserve.model.architectures.code_folders import folders_of
from stateserve.model.architectures.code_import import ImportedCode, import_code
from stateserve.model.architectures.code_record import (
    BuiltIn,
    Code,
    ModuleDtype,
    Program,
    UserClass,
)
from stateserve.model.architectures.custom_tabular import CustomTabular
from stateserve.model.architectures.exported_program import ProgramModule, read_program
from stateserve.model.architectures.float_dtype import CAST, float_dtype
from stateserve.model.architectures.source_files import read_source
from stateserve.model.architectures.state_fit import load_strictly, require_finite
from stateserve.model.architectures.tabular import Tabular
from stateserve.model.architectures.user_class import (
    PROGRAM_SUFFIX,
    find_class,
    make_module,
    size_arguments,
    split_code,
)
from stateserve.model.arrays import TensorState


class OpenCode(Protocol):
    """`entry` is the code's entry in a card; `files` are its files, by their names there."""

    @property
    def entry(self) -> Code: ...

    @property
    def files(self) -> Mapping[str, bytes]: ...

    def module_of(self, state: TensorState | None) -> nn.Module:
        """The module with this state, in evaluation mode. Without one it has that of a program.

        Raises CheckpointError.
        """


class ClassFile:
    """An imported file with the class, or the function, that makes the module, whose floats are
    then cast to `dtype`."""

    def __init__(
        self,
        code: ImportedCode,
        name: str,
        kwargs: Mapping[str, JsonValue],
        dtype: ModuleDtype | None = None,
    ) -> None:
        self._code, self._name, self._kwargs, self._dtype = code, name, kwargs, dtype

    @property
    def files(self) -> Mapping[str, bytes]:
        root = self._code.root
        return {
            path.relative_to(root).as_posix(): content for path, content in self._code.files.items()
        }

    @property
    def entry(self) -> UserClass:
        hashes = {name: sha256(content) for name, content in self.files.items()}
        file = self._code.file.relative_to(self._code.root).as_posix()
        try:
            return UserClass.model_validate(
                {
                    "file": file,
                    "name": self._name,
                    "kwargs": dict(self._kwargs),
                    "sha256": hashes.pop(file),
                    "modules": hashes,
                    "dtype": self._dtype,
                }
            )
        except ValidationError as error:
            raise CardMismatch(f"{self._code.file}: {first_fault(error)}") from None

    def sized(self, inputs: int, outputs: int) -> "ClassFile":
        """With arguments for these sizes, where the class has such and they are not given."""
        sizes = size_arguments(self._code, self._name, inputs, outputs)
        return ClassFile(self._code, self._name, sizes | dict(self._kwargs), self._dtype)

    def cast_as(self, state: Mapping[str, object]) -> "ClassFile":
        """With the dtype of the state's floats, if it has one that classes do not make."""
        dtype = float_dtype(state)
        for each in CAST:
            if each == dtype:
                return ClassFile(self._code, self._name, self._kwargs, each)
        return self

    def make(self) -> nn.Module:
        """A new module. Raises CodeFailed."""
        module = make_module(self._code, self._name, self._kwargs)
        return module.to(getattr(torch, self._dtype)) if self._dtype else module

    def place(self, error: BaseException) -> str:
        """The file, and the line in it that raised the error, if it did."""
        return self._code.place(error)

    def module_of(self, state: TensorState | None) -> nn.Module:
        module = self.make()
        load_strictly(module, state or {}, self._name)
        require_finite(module)
        return module.eval()


class TableCode:
    """The class of a file as the network behind the columns of a table."""

    def __init__(self, network: ClassFile) -> None:
        self.network = network

    @property
    def files(self) -> Mapping[str, bytes]:
        return self.network.files

    @property
    def entry(self) -> UserClass:
        return self.network.entry.model_copy(update={"table": True})

    def module_of(self, state: TensorState | None) -> CustomTabular:
        name = self.network.entry.name
        module = CustomTabular.from_state(self.network.make(), state or {}, name)
        require_finite(module)
        return module


class ProgramFile:
    """A program of torch.export, which has a state of its own."""

    def __init__(self, file: Path, content: bytes) -> None:
        self._file, self._content = file, content

    @property
    def files(self) -> Mapping[str, bytes]:
        return {self._file.name: self._content}

    @property
    def entry(self) -> Program:
        return Program(file=self._file.name, sha256=sha256(self._content))

    def module_of(self, state: TensorState | None) -> ProgramModule:
        module = read_program(self._content, str(self._file), state)
        module.require_batch_axis()
        require_finite(module)
        return module


class BuiltInCode:
    """A network of this library."""

    files: ClassVar[Mapping[str, bytes]] = {}

    @property
    def entry(self) -> BuiltIn:
        return BuiltIn()

    def module_of(self, state: TensorState | None) -> Tabular:
        module = Tabular.from_state(state or {})
        require_finite(module)
        return module


def open_code(text: str, kwargs: Mapping[str, JsonValue]) -> OpenCode:
    """Run `FILE.py:CLASS`, or read `FILE.pt2`. Raises CheckpointError."""
    file, name = split_code(text)
    if file.suffix == PROGRAM_SUFFIX:
        if kwargs:
            raise CodeFailed(f"{file}: a program of torch.export takes no kwargs")
        return ProgramFile(file, read_regular_file(file))
    code = import_code(file, folders_of(file))
    return ClassFile(code, find_class(code, name), kwargs)


def open_packed(folder: Path, entry: Code, *, allow_code: bool) -> OpenCode:
    """The code that a card in `folder` names, if its hashes are those of the card.

    Raises CodeNotAllowed for a Python file without `allow_code`, or CodeFailed.
    """
    if isinstance(entry, BuiltIn):
        return BuiltInCode()
    file = folder / entry.file
    if isinstance(entry, Program):
        return ProgramFile(file, _verified(file, entry.sha256))
    if not allow_code:
        raise CodeNotAllowed(
            f"{file}: loading the model runs this file; start with --allow-code, or load with "
            "LoadOptions(allow_code=True), if you trust it"
        )
    content = {file: _verified(file, entry.sha256)}
    for name, wanted in entry.modules.items():
        content[folder / name] = _verified(folder / name, wanted)
    folders = [each for each in file.parents if each.is_relative_to(folder)]
    code = import_code(file, folders, content)
    found = ClassFile(code, find_class(code, entry.name), entry.kwargs, entry.dtype)
    return TableCode(found) if entry.table else found


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _verified(path: Path, wanted: str) -> bytes:
    """The bytes that run are those that were checked."""
    content = read_regular_file(path) if path.suffix == PROGRAM_SUFFIX else read_source(path)
    if (found := sha256(content)) != wanted:
        raise CodeFailed(
            f"{path}: not the code of the model card: its SHA-256 is {found[:12]}, "
            f"not {wanted[:12]}; `stateserve pack` writes a new card"
        )
    return content
