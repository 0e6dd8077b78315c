"""Reads tables as the body of /predict, by the rules of stateserve/tables."""

from collections.abc import Mapping
from encodings import normalize_encoding
from encodings.aliases import aliases

import numpy as np

from app.errors import InvalidInstances, UnsupportedContent
from app.predict.codecs.json_request import TableRows, require_at_most
from app.predict.headers import Body
from app.predict.instances import Instances
from app.predict.rows import as_float32
from stateserve.errors import Fault, TableError
from stateserve.model import Predictor
from stateserve.tables import TableInstances, Wanted, read_instances, read_text
from stateserve.text import shown

SOURCE = "the body"
ONE_LINE = "; the body is one line (curl: --data-binary keeps the ends of lines, -d does not)"
# While they are read, they take about 128 bytes each.
MAX_CELLS = 2**21
# Stands among the parameters of the media type if the query has it.
SKIP_BAD_ROWS = "skip_bad_rows"
# Of Python's others, punycode takes a time that grows with the square of the length; and Python
# keeps every unknown name that it is asked for.
CHARSETS = frozenset(("utf_8_sig", "koi8_u", *aliases, *aliases.values()))


class CsvTable:
    """Reads a header with a column for each feature, and a row for each instance."""

    def __init__(self, predictor: Predictor, max_instances: int) -> None:
        self._wanted = Wanted.of(predictor.card) or Wanted(predictor.card.features)
        self._limit = max_instances

    def decode(self, body: Body, parameters: Mapping[str, str] = {}, /) -> TableRows:
        """Raises InvalidInstances, BodyTooLarge or UnsupportedContent."""
        table = read_table(body, parameters, self._wanted, self._limit)
        names = [feature.name for feature in self._wanted.features]
        rows = np.array([table.columns[name] for name in names], np.float64).T
        return Instances(as_float32(rows, names), False, table)


def read_table(
    body: Body, parameters: Mapping[str, str], wanted: Wanted, limit: int
) -> TableInstances:
    """Raises InvalidInstances, which names column and row, BodyTooLarge or UnsupportedContent."""
    content = _in_utf8(bytes(body), parameters.get("charset", ""))
    try:
        skip = SKIP_BAD_ROWS in parameters
        sheet = read_text(SOURCE, content, MAX_CELLS, skip_bad_rows=skip)
        require_at_most(limit, len(sheet.rows))
        return read_instances(sheet, wanted, skip_bad_rows=skip)
    except TableError as error:
        hint = "" if b"\n" in content or b"\r" in content else ONE_LINE
        raise InvalidInstances([Fault("", detail + hint) for detail in error.details]) from None


def _in_utf8(content: bytes, charset: str) -> bytes:
    """The body in an encoding that its sender names; without a name, it is guessed."""
    if charset.lower() in ("", "utf-8", "utf8"):
        return content
    if normalize_encoding(charset).lower() not in CHARSETS:
        raise UnsupportedContent(f"charset {shown(charset)} is not known; send UTF-8")
    try:
        return content.decode(charset).encode()
    except UnicodeDecodeError as error:
        detail = f"not {charset} at byte {error.start}"
        raise InvalidInstances([Fault("", detail)]) from None
    except (LookupError, ValueError):
        raise UnsupportedContent(f"charset {shown(charset)} is not known; send UTF-8") from None
