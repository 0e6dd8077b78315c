"""Schema version 2 of the model card: code, state and signature of any PyTorch model."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from stateserve.model.architectures.code_record import (
    BuiltIn,
    Code,
    FileName,
    Program,
    Sha256,
    UserClass,
)
from stateserve.model.cards.tabular_card import on_lines
from stateserve.model.cards.training_data import RowHashes
from stateserve.model.equal_axes import EqualAxes
from stateserve.model.feature_histogram import FeatureHistogram
from stateserve.model.fields import Count, Frozen, Name, Number, ShownName, Text
from stateserve.model.signature import Input, Output, Signature, require_histograms

MAX_COLUMNS = 20_000
MAX_EXAMPLES = 12
Scalar = bool | int | float | Text


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
    name: ShownName
    code: Code
    inputs: list[Input]
    outputs: list[Output]
    equal_axes: EqualAxes = Field(default=[], exclude_if=lambda axes: not axes)
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
        return Signature(inputs=self.inputs, outputs=self.outputs, equal_axes=self.equal_axes)

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
        if self.golden:
            return []
        return [f"no model card: {PROGRAM if isinstance(self.code, Program) else CLASS}; {PACK}"]

    def to_json(self) -> bytes:
        return on_lines(self.model_dump_json(indent=2, exclude_none=True))


CLASS = "the signature was inferred from an example"
PROGRAM = (
    "inputs and outputs are those of the program; whether an output has probabilities was inferred "
    "from an example"
)
PACK = "`stateserve pack` writes a card, which can also name columns and classes"
