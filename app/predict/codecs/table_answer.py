"""Writes what was read of a table beside the answers to its rows."""

from collections.abc import Sequence

import msgspec

from stateserve.tables import TableInstances, score_classes, score_values

_encode = msgspec.json.Encoder().encode


def about_table(
    table: TableInstances, labels: Sequence[str] | None, values: Sequence[float] | None
) -> bytes:
    """`,"table":...`, the last member of an answer in JSON: the read columns, and how well the
    predicted classes, or else values, fit the true ones."""
    truth = table.truth
    score = None
    if truth is not None and labels is not None:
        score = score_classes(truth, labels)
    elif truth is not None and values is not None:
        score = score_values(truth, values)
    return b',"table":' + _encode(
        {
            "rows": table.rows,
            "columns": table.columns,
            "others": {each.name: each.texts for each in table.others},
            "target": truth and truth.column,
            "truth": truth and truth.values,
            "score": score,
            "notes": table.notes,
            "bad": table.bad,
            "left_out": table.left_out,
            "header": table.header,
            "separator": table.separator,
            "decimal_mark": table.decimal_mark,
        }
    )
