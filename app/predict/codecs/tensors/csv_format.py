"""Reads tables as the body of a model with any module whose one input has named columns."""

from collections.abc import Mapping

import numpy as np

from app.predict.codecs.csv_request import read_table
from app.predict.codecs.tensors.column_rule import ColumnRule
from app.predict.codecs.tensors.input_values import as_input
from app.predict.codecs.tensors.value_rule import dtype_of
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.tensors.rows import TensorRows
from stateserve.model import TensorModel
from stateserve.tables import Wanted


class TensorCsv:
    """Reads a header with a column for each feature, and a row for each instance."""

    def __init__(self, model: TensorModel, max_instances: int) -> None:
        (self._input,) = model.signature.inputs
        self._rules = ColumnRule.each(self._input)
        self._wanted = Wanted.of(model.card) or Wanted(self._input.features or [])
        self._limit = max_instances

    def decode(self, body: Body, parameters: Mapping[str, str] = {}, /) -> Instances[TensorRows]:
        """Raises InvalidInstances, BodyTooLarge or UnsupportedContent."""
        table = read_table(body, parameters, self._wanted, self._limit)
        array = np.empty((len(table.rows), len(self._rules)), np.float64)
        for place, rule in enumerate(self._rules):
            values = table.columns[rule.feature.name]
            array[:, place] = [rule.number_of(value) for value in values]
        wanted = dtype_of(self._input.dtype)
        # Only floats have NaN.
        typed = array if wanted.kind not in "iu" else array.astype(np.int64)
        rows = TensorRows([{self._input.name: as_input(self._input, typed, "")}])
        return Instances(rows, False, table)
