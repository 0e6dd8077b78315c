"""Prove that a model takes the token ids of its vocabulary."""

from collections.abc import Mapping, Sequence

import numpy as np

from stateserve.checkpoint import Array
from stateserve.errors import ForwardFailed
from stateserve.model.signature import Input
from stateserve.model.signature_inference.proof import Runner


def require_vocabulary(run: Runner, rows: Mapping[str, Array], inputs: Sequence[Input]) -> None:
    """Raise ValueError for an id of the example that is not in the vocabulary of its input, and if
    the forward does not take the last id of the vocabulary."""
    for each in inputs:
        if each.tokens is None or each.tokens.vocabulary is None:
            continue
        ids, last = rows[each.name].astype(np.int64), each.tokens.vocabulary - 1
        wrong = ids[(ids < 0) | (ids > last)]
        if wrong.size:
            raise ValueError(
                f"{each.name}: the example has the token id {wrong.flat[0]}; of a vocabulary of "
                f"{last + 1} the ids are from 0 to {last}"
            )
        highest = min(last, np.iinfo(each.dtype).max)
        row = {name: array[:1] for name, array in rows.items()}
        row[each.name] = np.full_like(row[each.name], highest)
        try:
            run(row)
        except ForwardFailed as error:
            raise ValueError(
                f"{each.name}: the forward does not take token id {highest}, the last of a "
                f"vocabulary of {last + 1}: {error}"
            ) from None
