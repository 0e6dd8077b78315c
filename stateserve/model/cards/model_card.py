"""Schema version 2 of the model card: code, state and signature of any PyTorch model."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, model_validator

from stateserve.model.cards.tabular_card import on_lines
from stateserve.model.cards.training_data import (
    Count,
    FeatureHistogram,
    Frozen,
    Name,
    Number,
    RowHashes,
    Text,
)
from stateserve.model.signature import Input, Output, Signature, require_histograms


def _matching(pattern: str, words: str) -> AfterValidator:
    """A rule that says in words what is accepted; pydantic's own shows the pattern."""

    def require(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{text!r:.100} is not {words}")
        return text

    return AfterValidator(require)


MAX_COLUMNS = 20_000
MAX_EXAMPLES = 12
_PART = r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*"
Sha256 = Annotated[str, _matching("[0-9a-f]{64}", "a SHA-256 of 64 hexadecimal digits")]
FileName = Annotated[
    str, Field(max_length=255), _matching(_PART, "the name of a file in the card's folder")
]
CodePath = Annotated[
    str,
    Field(max_length=1000),
    _matching(
        rf"({_PART}/){{0,9}}{_PART}\.py",
        "a Python file in the card's folder or below it, such as nets.py or models/nets.py",
    ),
]
ClassName = Annotated[str, Field(max_length=200), _matching(r"[^\W\d]\w*", "a name of Python")]
Scalar = bool | int | float | Text


class UserClass(Frozen):
    """A class in a Python file, or a function that makes the module. Loading it runs the file.

    `modules` are the other files of the folder that the file imports, with their hashes. With
    `table`, it is the network behind the columns of a table: CustomTabular.
    """

    kind: Literal["class"] = "class"
    file: CodePath
    name: ClassName
    kwargs: dict[Name, JsonValue] = Field(default={}, max_length=100)
    sha256: Sha256
    modules: dict[CodePath, Sha256] = Field(default={}, max_length=100)
    table: bool = Field(default=False, exclude_if=lambda table: not table)


class Program(Frozen):
    """A program of torch.export. Loading it runs no Python."""

    kind: Literal["program"] = "program"
    file: FileName
    sha256: Sha256


class BuiltIn(Frozen):
    """A network of this library, whose sizes are those of the state. It needs no file."""

    kind: Literal["built-in"] = "built-in"
    name: Literal["Tabular"] = "Tabular"


Code = Annotated[UserClass | Program | BuiltIn, Field(discriminator="kind")]


class GoldenFile(Frozen):
    """Inputs, and the outputs that the model must give for them, as a safetensors file.

    A tensor of it has the name `BATCH/inputs/NAME` or `BATCH/outputs/NAME`, such as `3/inputs/x`;
    BATCH is the number of rows.
    """

    file: FileName
    sha256: Sha256


class OnnxFile(Frozen):
    """The ONNX graph of the module, with the weights of the state in it."""

    file: FileName
    sha256: Sha256


class ColumnRecord(Frozen):
    """A column of the training table, and what became of it: `number`, `dropped: constant`."""

    name: Text
    decision: Text


class ExampleRow(Frozen):
    """A row of training to try: the class or the number of its target, and its JSON values by the
    names of the features."""

    target: Text | Number
    values: dict[Name, JsonValue]


class TableRecord(Frozen):
    """The table of a training run: its target, its columns in order, and what was noticed.

    Of the rows of training and validation, `histograms` has one for each feature of the model, and
    `row_hashes` the hashes. `class_dtype` is the dtype of the target if it has classes and is no
    text. `examples` are rows to try: one of each class, or from the smallest to the largest target.
    """

    target: Text
    task: Literal["classes", "values"]
    rows: Count
    train_rows: Count
    validation_rows: Count
    test_rows: Count
    columns: Annotated[list[ColumnRecord], Field(max_length=MAX_COLUMNS, fail_fast=True)]
    notes: list[Text] = Field(default=[], max_length=100)
    histograms: Annotated[list[FeatureHistogram], Field(fail_fast=True)] | None = None
    row_hashes: RowHashes | None = None
    class_dtype: Literal["bool", "int64", "float64"] | None = None
    examples: list[ExampleRow] = Field(
        default=[], max_length=MAX_EXAMPLES, exclude_if=lambda examples: not examples
    )


class ModelCard(Frozen):
    """The card of a model with any code. `state_sha256` is stateserve.checkpoint.state_sha256.

    `prefix` was taken off the names of the state_dict when it was loaded. A generated card, for a
    model without a card file, has no golden file.
    """

    schema_version: Literal[2] = 2
    name: Text
    code: Code
    inputs: list[Input]
    outputs: list[Output]
    state_sha256: Sha256
    prefix: Text = ""
    golden: GoldenFile | None = None
    onnx: OnnxFile | None = None
    dataset: Text | None = None
    hyperparameters: dict[Name, Scalar] = Field(default={}, max_length=100)
    metrics: dict[Name, float] = Field(default={}, max_length=100)
    libraries: dict[Text, Text] = Field(default={}, max_length=100)
    table: TableRecord | None = None

    @model_validator(mode="after")
    def _require_signature(self) -> Self:
        _ = self.signature
        if self.table and self.table.histograms is not None:
            require_histograms(self.inputs[0].features or [], self.table.histograms)
        return self

    @property
    def signature(self) -> Signature:
        return Signature(inputs=self.inputs, outputs=self.outputs)

    @property
    def files(self) -> list[str]:
        """The files of the model beside its state, relative to the card's folder."""
        code = [] if isinstance(self.code, BuiltIn) else [self.code.file]
        modules = self.code.modules if isinstance(self.code, UserClass) else {}
        others = [each.file for each in (self.golden, self.onnx) if each]
        return [*code, *modules, *others]

    @property
    def warnings(self) -> list[str]:
        """Warnings for users of the model about its card."""
        return [] if self.golden else [NO_CARD]

    def to_json(self) -> bytes:
        return on_lines(self.model_dump_json(indent=2, exclude_none=True))


NO_CARD = (
    "no model card: the signature was inferred from an example; "
    "`stateserve pack` writes a card that names inputs, outputs and classes"
)
