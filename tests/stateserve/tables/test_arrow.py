"""Arrow files whose offsets and indices point anywhere, and types that are no cells."""

import struct
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather

from stateserve.errors import TableError
from stateserve.tables import read_sheet


@pytest.mark.parametrize("form", [pa.ipc.new_file, pa.ipc.new_stream])
@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (pa.DictionaryArray.from_arrays(pa.array([0, -2]), ["a", "b"], safe=False), "indices"),
        (pa.DictionaryArray.from_arrays(pa.array([0, 7]), ["a", "b"], safe=False), "indices"),
        (
            pa.StringArray.from_buffers(
                2, pa.py_buffer(struct.pack("<3i", 0, 9, 3)), pa.py_buffer(b"abc")
            ),
            "[Oo]ffset",
        ),
        (pa.array([pa.MonthDayNano([1, 2, 3])] * 2), "column 'town': month_day_nano"),
    ],
)
def test_arrow_files_that_point_out_of_their_columns_are_refused(
    tmp_path: Path,
    form: Callable[[Path, pa.Schema], pa.ipc.RecordBatchFileWriter],
    cells: pa.Array,
    reason: str,
) -> None:
    batch = pa.RecordBatch.from_arrays([cells], ["town"])
    with form(tmp_path / "t.arrow", batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(TableError, match=rf"t\.arrow: .*{reason}"):
        read_sheet(tmp_path / "t.arrow")


def test_a_duration_is_no_number(tmp_path: Path) -> None:
    table = pa.table({"age": pa.array([50], pa.duration("s"))})
    feather.write_feather(table, tmp_path / "t.feather")
    [column] = read_sheet(tmp_path / "t.feather").columns
    assert (column.kind, column.texts) == ("other", ["duration[s]"])
