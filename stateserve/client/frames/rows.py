"""DataFrames of pandas, polars and other libraries: to arrays, and back to their kind."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeGuard, TypeVar, cast

import numpy as np
from pydantic import JsonValue

from stateserve.checkpoint import Array
from stateserve.client.frames.sheet import good_rows, read_frame
from stateserve.errors import ClientError, MissingExtra
from stateserve.model import Feature, Signature

if TYPE_CHECKING:
    import narwhals
    from narwhals.typing import IntoDataFrame, IntoSeries

# pandas cannot rename a table with such a name.
SURROGATE = re.compile("[\ud800-\udfff]")
# Of integers up to it, no two are one float64.
LARGEST_EXACT = 2**53


class DataFrame(Protocol):
    """A table of named columns in memory."""

    @property
    def columns(self) -> object: ...
    @property
    def shape(self) -> object: ...


Frame = TypeVar("Frame", bound=DataFrame)


def is_frame(value: object) -> TypeGuard[DataFrame]:
    # Of the class: some libraries compute the columns of a table that is not in memory.
    return all(hasattr(type(value), name) for name in ("columns", "shape", "__getitem__"))


class FrameRows(Generic[Frame]):
    """The rows of a DataFrame, as bodies of /predict; `rows` number them, from 0 if not given.

    Raises ClientError for another table.
    """

    def __init__(self, frame: Frame, rows: Sequence[int] | None = None) -> None:
        try:
            import narwhals
        except ModuleNotFoundError:
            raise MissingExtra("a DataFrame needs narwhals: pip install narwhals") from None
        self._given = frame
        self._instances: tuple[Sequence[Feature], list[dict[str, JsonValue]]] | None = None
        try:
            self._frame = narwhals.from_native(cast(Any, frame), eager_only=True)
            names = self._frame.columns
        except (TypeError, ValueError) as error:
            # Not in memory, with two columns of the same name, or a text that no UTF-8 has.
            reason = " ".join(str(error).split())[:200]
            raise ClientError(f"the table is not sent: {reason}") from None
        self._rows = np.arange(len(self._frame)) if rows is None else np.array(rows)
        for name in names:
            if not isinstance(name, str):
                raise ClientError(f"the name of a column is a text, not {name!r:.100}")
            if SURROGATE.search(name):
                raise ClientError(f"the name of a column has half of a pair: {name!r:.100}")

    def __len__(self) -> int:
        return len(self._frame)

    def numbers(self, signature: Signature, rows: slice) -> Array | None:
        """The columns of the only input, (rows, features), as its dtype has them; other columns
        of the DataFrame are left out.

        None if a value is not one of its column: `records` have it, or say which.
        """
        given = signature.inputs[0]
        if len(signature.inputs) > 1 or not given.features:
            return None
        table = self._rows_of(signature, rows)
        found = np.empty((len(table), len(given.features)), np.float64)
        for place, feature in enumerate(given.features):
            column = _numbers(table[feature.name], feature) if feature.name in table else None
            if column is None:
                return None
            found[:, place] = column
        if given.dtype == "bfloat16":
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            numbers = found.astype(given.dtype)
        if numbers.dtype.kind == "f":
            return numbers
        # Whole, in the range of the dtype, and no two integers became one float64.
        kept = (np.abs(found) < LARGEST_EXACT).all() and np.array_equal(numbers, found)
        return numbers if kept else None

    def records(self, signature: Signature, rows: slice) -> list[dict[str, JsonValue]]:
        """The same as an object for each row, with the columns that the model has, if any.

        If a column of the only input has other values than numbers, all are read as a table is.
        """
        features = signature.inputs[0].features or ()
        table = self._rows_of(signature, rows)
        if len(signature.inputs) == 1 and not all(_counts(table, each) for each in features):
            return self._read(signature)[rows]
        known = {f.name for each in signature.inputs for f in each.features or ()}
        known |= {each.name for each in signature.inputs if not each.features}
        chosen = [name for name in table.columns if name in known] or table.columns
        return list(table.select(chosen).rows(named=True))

    def without_bad_rows(self, signature: Signature) -> "FrameRows[Frame]":
        """The rows whose cells can all be read, with their index. Warns of the others."""
        features = signature.inputs[0].features
        if len(signature.inputs) > 1 or not features:
            raise ClientError("skip_bad_rows: the model has no named columns, so no row is bad")
        rows = good_rows(self._frame, features)
        return FrameRows(cast(Frame, self._frame[rows].to_native()), rows)

    def _read(self, signature: Signature) -> list[dict[str, JsonValue]]:
        """All rows: they show the decimal mark, and errors name their places in all of them."""
        features = signature.inputs[0].features or []
        if self._instances is None or self._instances[0] != features:
            self._instances = (features, read_frame(self._frame, features, self._rows))
        return self._instances[1]

    def _rows_of(self, signature: Signature, rows: slice) -> "narwhals.DataFrame[IntoDataFrame]":
        """The rows; a column `length (cm)` has the name of the feature, if it has its unit."""
        features = [each for given in signature.inputs for each in given.features or ()]
        columns = set(self._frame.columns)
        headers = {each.title: each.name for each in features if each.unit}
        names = {
            header: name
            for header, name in headers.items()
            if header in columns and name not in columns
        }
        found: narwhals.DataFrame[IntoDataFrame] = self._frame[rows].rename(names)
        return found

    def like(self, columns: Mapping[str, Sequence[object] | Array]) -> Frame:
        """These columns as a DataFrame of the same library, with the index of the rows."""
        import narwhals

        made = narwhals.from_dict(columns, backend=self._frame.implementation).to_native()
        if hasattr(made, "index"):
            made.index = cast(Any, self._given).index
        return cast(Frame, made)


def _counts(table: "narwhals.DataFrame[IntoDataFrame]", feature: Feature) -> bool:
    """Whether the column of a number has numbers."""
    if feature.kind != "number" or feature.name not in table:
        return False
    return bool(table[feature.name].dtype.is_numeric())


def _numbers(column: "narwhals.Series[IntoSeries]", feature: Feature) -> Array | None:
    """A column as numbers: NaN where a value is missing; None if a value is not accepted."""
    import narwhals

    dtype = column.dtype
    if feature.kind == "number" and dtype.is_numeric():
        found: Array = column.cast(narwhals.Float64).to_numpy().astype(np.float64)
        known = np.isfinite(found) | (np.isnan(found) & feature.missing)
        return found if known.all() else None
    codes: dict[object, float] = {}
    integers = feature.values is not None and dtype.is_integer()
    texts = narwhals.String | narwhals.Categorical | narwhals.Enum | narwhals.Object
    if feature.kind == "boolean" and dtype == narwhals.Boolean:
        codes = {False: 0.0, True: 1.0}
    elif feature.values is not None and (integers or isinstance(dtype, texts)):
        codes = {text: float(place) for place, text in enumerate(feature.values)}
    missing = column.is_null().to_list()
    values = (column.cast(narwhals.String) if integers else column).to_list()
    try:
        numbers = [
            math.nan if empty else codes[value]
            for value, empty in zip(values, missing, strict=True)
        ]
    except (KeyError, TypeError):
        return None
    return np.array(numbers) if feature.missing or not any(missing) else None
