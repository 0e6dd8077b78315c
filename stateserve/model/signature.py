"""The signature of a model: its named inputs and outputs, with dtypes and shapes."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from stateserve.model.equal_axes import Axis, EqualAxes, axes_text
from stateserve.model.feature import Feature
from stateserve.model.feature_histogram import FeatureHistogram
from stateserve.model.fields import ANY, MAX_CLASSES, Frozen, ShownName, Text, require_shown
from stateserve.model.image_input import ImageInput

MAX_AXES = 8
MAX_AXIS = 2**31 - 1
MAX_TENSORS = 32
Dtype = Literal[
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"
]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
MAX_FLOAT16 = 65_504.0
MAX_PAD = 2**31 - 1
# Of the dtypes that do not hold MAX_PAD. Floats hold all integers up to these.
HIGHEST_PADS = {
    "bool": 1,
    "uint8": 2**8 - 1,
    "int8": 2**7 - 1,
    "int16": 2**15 - 1,
    "float16": 2**11,
    "bfloat16": 2**8,
    "float32": 2**24,
}
Kind = Literal["log_probabilities", "logits", "probabilities", "values", "embedding", "tensor"]
# These kinds give a class to each row, by its highest value.
CLASS_KINDS = ("log_probabilities", "logits", "probabilities")


class TokensInput(Frozen):
    """One value for each token: its id, from 0 to `vocabulary` - 1, or that of a mask.

    `pad` fills shorter rows; it is 0 for a mask that has 1 for a token.
    """

    vocabulary: Annotated[int, Field(ge=1, le=MAX_AXIS)] | None = None
    pad: Annotated[int, Field(ge=0)] | None = None

    def require_dtype(self, dtype: str) -> None:
        """Raise ValueError unless a tensor of `dtype` holds these values."""
        if self.vocabulary is not None and not dtype.startswith(("int", "uint")):
            raise ValueError(f"ids of a vocabulary are integers, not {dtype}; a mask has none")
        highest = HIGHEST_PADS.get(dtype, MAX_PAD)
        if self.pad is not None and self.vocabulary is not None and self.pad >= self.vocabulary:
            ids = f"0 to {self.vocabulary - 1}"
            raise ValueError(f"pad {self.pad} is no id of the vocabulary, which has {ids}")
        if self.pad is not None and self.pad > highest:
            raise ValueError(f"pad {self.pad}; {dtype} takes 0 to {highest}")


def _batched(shape: list[int]) -> list[int]:
    if shape[0] != ANY:
        raise ValueError(f"axis 0 is the batch axis: {ANY}, not {shape[0]}")
    # Such a tensor has no elements, and may be written as any number of empty lists.
    if 0 in shape:
        raise ValueError(f"axis {shape.index(0)} has the length 0; from 1, or {ANY} for any")
    if math.prod(abs(length) for length in shape) > MAX_AXIS:
        raise ValueError("the shape has more elements than any tensor that is served")
    return shape


class Tensor(Frozen):
    """A named tensor. In `shape`, -1 means any length; axis 0 is the batch axis, always -1."""

    name: ShownName
    dtype: Dtype
    shape: Annotated[
        list[Annotated[int, Field(ge=ANY, le=MAX_AXIS)]],
        Field(min_length=1, max_length=MAX_AXES),
        AfterValidator(_batched),
    ]

    @property
    def row_shape(self) -> list[int]:
        """The shape of one instance: without the batch axis."""
        return self.shape[1:]

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether an array of this shape, its batch axis included, can be this tensor."""
        return len(shape) == len(self.shape) and all(
            want in (ANY, have) for want, have in zip(self.shape, shape, strict=True)
        )

    @property
    def line(self) -> str:
        """Name, dtype and shape, as text."""
        return f"{self.name} {self.dtype} {self.shape}"


class Input(Tensor):
    """An input. `features` name the columns of a table, and `histograms` have their values in
    training; `finite` refuses NaN and infinity."""

    features: Annotated[list[Feature], Field(min_length=1, max_length=10_000)] | None = None
    histograms: Annotated[list[FeatureHistogram], Field(fail_fast=True)] | None = None
    image: ImageInput | None = None
    tokens: TokensInput | None = None
    finite: bool = True

    @model_validator(mode="after")
    def _require_one_kind(self) -> Self:
        if sum(part is not None for part in (self.features, self.image, self.tokens)) > 1:
            raise ValueError("features, image and tokens exclude each other")
        if self.features:
            _require_distinct("features", [require_shown(each.name) for each in self.features])
            if self.row_shape != [len(self.features)]:
                raise ValueError(f"{len(self.features)} features do not fit {self.shape}")
            if not self.plain and self.dtype not in ("float32", "float64"):
                kinds = "booleans, categories and missing values"
                raise ValueError(f"{kinds} need a float32 tensor, not {self.dtype}")
        if self.histograms is not None:
            require_histograms(self.features or [], self.histograms)
        if self.image:
            self._require_image(self.image)
        if self.tokens:
            self.tokens.require_dtype(self.dtype)
        return self

    @property
    def plain(self) -> bool:
        """Whether no column of a table has booleans, categories or missing values."""
        return all(feature.plain for feature in self.features or ())

    def _require_image(self, image: ImageInput) -> None:
        if len(self.row_shape) != len(image.layout):
            raise ValueError(f"an image of layout {image.layout} has {len(image.layout)} axes")
        for have, want in zip(image.row_shape, self.row_shape, strict=True):
            if ANY not in (have, want) and have != want:
                raise ValueError(f"the image gives {image.row_shape}, not {self.row_shape}")
        if self.dtype not in ("uint8", "float16", "bfloat16", "float32", "float64"):
            raise ValueError(f"an image is uint8 or a float, not {self.dtype}")
        if self.dtype == "uint8" and (image.mean or image.std):
            raise ValueError("mean and std need a float, not uint8")
        if self.dtype == "float16" and image.largest > MAX_FLOAT16:
            reason = f"a pixel becomes {image.largest:g} by scale, mean and std"
            raise ValueError(f"{reason}; float16 has numbers up to {MAX_FLOAT16:g}")


class Output(Tensor):
    """An output. `classes` name its last axis, `unit` is that of its values."""

    kind: Kind = "tensor"
    classes: Annotated[list[ShownName], Field(max_length=MAX_CLASSES, fail_fast=True)] | None = None
    unit: Annotated[Text, AfterValidator(require_shown)] | None = None

    @model_validator(mode="after")
    def _require_classes(self) -> Self:
        if self.classes is None:
            return self
        if self.kind not in CLASS_KINDS:
            raise ValueError(f"an output with classes is one of {', '.join(CLASS_KINDS)}")
        if self.shape[1:] != [len(self.classes)]:
            count = len(self.classes)
            raise ValueError(
                f"{count} classes do not fit the shape {self.shape}; accepted is [rows, {count}]"
            )
        _require_distinct("classes", self.classes)
        return self

    @property
    def classifies(self) -> bool:
        """Whether each row of this output has a most probable class."""
        return self.kind in CLASS_KINDS and len(self.shape) == 2 and self.shape[1] > 0

    @property
    def labels(self) -> list[str]:
        """The names of the classes, or their indices, of an output that classifies."""
        return self.classes or [str(index) for index in range(self.shape[1])]


class Signature(Frozen):
    """The inputs, in the order of forward's arguments, and the outputs, in the module's order.

    Each list of `equal_axes` has the axes of inputs that must have equal lengths: `ids:1`,
    `mask:1`.
    """

    inputs: Annotated[list[Input], Field(min_length=1, max_length=MAX_TENSORS)]
    outputs: Annotated[list[Output], Field(min_length=1, max_length=MAX_TENSORS)]
    equal_axes: EqualAxes = Field(default=[], exclude_if=lambda axes: not axes)

    @model_validator(mode="after")
    def _require_names(self) -> Self:
        _require_distinct("inputs", [each.name for each in self.inputs])
        _require_distinct("outputs", [each.name for each in self.outputs])
        _require_distinct("equal_axes", [text for group in self.equal_axes for text in group])
        shapes = {each.name: each.shape for each in self.inputs}
        for each in (each for group in self.equal for each in group):
            shape = shapes.get(each.input, [])
            if not 0 < each.axis < len(shape) or shape[each.axis] != ANY:
                raise ValueError(f"equal_axes: {each.text!r:.100} is no axis of any length")
        return self

    @property
    def equal(self) -> list[list[Axis]]:
        """`equal_axes`, parsed."""
        return [[Axis.parse(text) for text in group] for group in self.equal_axes]

    @property
    def lines(self) -> list[str]:
        """A line of text for each input, each output, and axes of equal lengths."""
        return [
            *(f"input {each.line}" for each in self.inputs),
            *(f"output {each.line}, {each.kind}" for each in self.outputs),
            *(f"of equal lengths: {axes_text(group)}" for group in self.equal),
        ]


def require_histograms(features: Sequence[Feature], histograms: Sequence[FeatureHistogram]) -> None:
    """Raise ValueError unless there is one for each feature, of its kind."""
    if len(histograms) != len(features):
        raise ValueError(f"{len(histograms)} histograms do not fit the features")
    for feature, histogram in zip(features, histograms, strict=True):
        # Older cards have edges of the codes of a category, too.
        if histogram.edges is None and len(histogram.counts) != (feature.codes or None):
            raise ValueError(f"the counts of {feature.name!r} do not fit its values")


def _require_distinct(what: str, names: Sequence[str]) -> None:
    if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f"{what} repeat {', '.join(repeated[:3])}")
