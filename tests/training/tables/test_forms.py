"""A folder of tables as programs write them goes through training, the service and predict."""

import gzip
import io
from collections.abc import Callable
from operator import eq
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
from anyio import to_thread

from app.cli.local_model import LocalModel
from app.settings.settings import Settings
from stateserve.client import Prediction
from stateserve.tables import Wanted, read_instances, read_sheet
from tests.service import open_client
from training.tables.columns import Choices
from training.tables.command import train_table
from training.tables.plan import Options

ROWS = 40
SPECIES = ["Adelie", "Chinstrap", "Gentoo", "Königspinguin"]
ISLANDS = ["Biscoe", "Dream", "Île"]


def frame(rows: int = ROWS) -> pd.DataFrame:
    """Two numbers, one of them with a missing value, a category and a boolean."""
    return pd.DataFrame(
        {
            "island": [ISLANDS[row % 3] for row in range(rows)],
            "length (mm)": [None if row == 7 else 30.25 + row % 9 / 4 for row in range(rows)],
            "mass": [3000 + 251 * (row % 11) for row in range(rows)],
            "tagged": [row % 3 == 0 for row in range(rows)],
            "species": [SPECIES[row % 4] for row in range(rows)],
        }
    )


def csv(
    separator: str = ",",
    *,
    cell: Callable[[object], str] = lambda value: "" if pd.isna(value) else str(value),
    end: str = "\n",
    table: pd.DataFrame | None = None,
) -> str:
    table = frame() if table is None else table
    rows = [list(table.columns), *([cell(each) for each in row] for row in table.to_numpy(object))]
    return "".join(separator.join(map(str, row)) + end for row in rows)


def german(value: object) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else str(value).replace(".", ",")
    if isinstance(value, bool):
        return "WAHR" if value else "FALSCH"
    return f"{value // 1000}.{value % 1000:03}" if isinstance(value, int) else str(value)


def quoted(value: object) -> str:
    return '""' if pd.isna(value) else f'"{value}"'


def grouped(mark: str, sign: str = "") -> Callable[[object], str]:
    def cell(value: object) -> str:
        number = isinstance(value, int) and not isinstance(value, bool)
        return (
            f'"{sign}{value:,}"'.replace(",", mark)
            if number
            else ""
            if pd.isna(value)
            else str(value)
        )

    return cell


def named(names: dict[str, str]) -> pd.DataFrame:
    return frame().rename(columns=names)


def drawn(start: str = "", between: str = " | ", line: str = "") -> str:
    """As psql and Markdown draw a table."""
    head, *rows = csv(between, cell=lambda v: "" if pd.isna(v) else str(v)).splitlines()
    ends = [f"{start}{row}{start[::-1]}" for row in (head, *rows)]
    return "\n".join([ends[0], line, *ends[1:]]) + "\n"


def binary(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def workbook(*, above: int = 0, text: bool = False, password: bool = False) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in range(above):
        sheet.append([f"Report {row}"])
    sheet.append(list(frame().columns))
    for row in frame().to_numpy(object):
        cells = [None if pd.isna(each) else each for each in row]
        sheet.append([german(each) for each in cells] if text else cells)
    book.create_sheet("notes").append(["nothing"])
    return binary(book.save)


def stream() -> bytes:
    def write(buffer: io.BytesIO) -> None:
        table = pa.Table.from_pandas(frame(), preserve_index=False)
        with pa.ipc.new_stream(buffer, table.schema) as writer:
            writer.write_table(table)

    return binary(write)


def escaped(value: object) -> str:
    """As MySQL writes it: a backslash before quotes, and \\N."""
    if pd.isna(value):
        return r"\N"
    return '"' + str(value).replace("Biscoe", r"the \"Biscoe\", north") + '"'


def below(*rows: str, above: str | None = None) -> str:
    """More rows of a header, below the first, or below another one."""
    first, rest = csv().split("\n", 1)
    return "\n".join([above or first, *rows, rest])


SHUFFLED = frame().sample(frac=1, random_state=1)
OTHERS = frame().assign(
    **{
        "Unnamed: 0": range(5, 5 + ROWS),
        "uuid": [f"{row * 7919:08x}-aa" for row in range(ROWS)],
        "created": [f"2024-05-{row % 28 + 1:02} 10:00" for row in range(ROWS)],
        "note": [f"visit {row}, all good" for row in range(ROWS)],
        "empty": None,
        "country": "Chile",
    }
)
TABLES: dict[str, str | bytes] = {
    "plain.csv": csv(),
    "german-excel.csv": csv(";", cell=german, end="\r\n").encode("cp1252"),
    "german-bank.csv": "Kontoauszug;vom 3.5.2024\n\n"
    + csv(";", cell=german, table=frame().drop(columns="tagged"))
    + "Summe;;171.890;\n",
    "excel-says-separator.csv": "sep=;\n" + csv(";"),
    "excel-unicode.txt": csv("\t", end="\r\n").encode("utf-16"),
    "bom-quoted.csv": csv(cell=quoted, end="\r\n").encode("utf-8-sig"),
    "pipe.txt": csv("|"),
    "old-mac.csv": csv(end="\r"),
    "utf-16-be.csv": csv().encode("utf-16-be"),
    "latin.csv.gz": gzip.compress(csv().encode("latin-1")),
    "japanese-excel.csv": csv(
        table=named({"island": "島", "length (mm)": "くちばしの長さ (mm)", "mass": "体重"}).replace(
            {"Île": "ドリーム島", "Königspinguin": "王様"}
        ),
        end="\r\n",
    ).encode("cp932"),
    "shuffled.parquet": binary(lambda buffer: SHUFFLED.to_parquet(buffer)),
    "table.feather": binary(lambda buffer: frame().to_feather(buffer)),
    "stream.arrow": stream(),
    "table.parquet.gz": gzip.compress(binary(lambda buffer: frame().to_parquet(buffer))),
    "table.xlsx": workbook(),
    "titles.xlsx": workbook(above=3),
    "texts.xlsx": workbook(text=True),
    "pandas-shuffled.csv": SHUFFLED.to_csv(),
    "pandas-twice.csv": frame().reset_index(names="Unnamed: 0").to_csv(),
    "r-write-csv.csv": csv(
        table=frame().set_axis(
            ['"island"', '"length (mm)"', '"mass"', '"tagged"', '"species"'], axis=1
        ),
        cell=lambda v: "NA" if pd.isna(v) else f'"{v}"' if isinstance(v, str) else str(v).upper(),
    ),
    "r-write-table.txt": "\n".join(
        [
            "island length mass tagged species",
            *(
                f'"{row + 1}" "{i}" {"NA" if pd.isna(n) else n} {m} {str(t).upper()} "{s}"'
                for row, (i, n, m, t, s) in enumerate(frame().to_numpy(object))
            ),
        ]
    ),
    "psql.txt": drawn(line="---------+-------------+------+--------+--------") + "(40 rows)\n",
    "markdown.md": drawn("| ", line="|---|---:|---|---|---|"),
    "mysql.tsv": csv("\t", cell=lambda value: r"\N" if pd.isna(value) else str(value)),
    "mysql-outfile.csv": csv(cell=escaped),
    "formulas.csv": csv(cell=lambda v: f'="{v}"' if v in ISLANDS else "" if pd.isna(v) else str(v)),
    "units.csv": below(",mm,g,,", above="island,length,mass,tagged,species"),
    "two-header-rows.csv": below(
        "name,length,mass,,species", above="place,bird,,tagged,Unnamed: 4_level_0"
    ),
    "questions.csv": below(
        '"Which island?","How long?","How heavy?","Tagged?","Which species?"',
        '"{""ImportId"":""Q1""}","{""ImportId"":""Q2""}","{""ImportId"":""Q3""}",x,y',
    ),
    "null.csv": csv(cell=lambda value: "(null)" if pd.isna(value) else str(value)),
    "bounds.csv": csv(cell=lambda v: "<30.25" if v == 30.25 else "" if pd.isna(v) else str(v)),
    "thousands.csv": csv(cell=grouped(",")),
    "dollars.csv": csv(cell=grouped(",", "$")),
    "swiss.csv": csv(cell=grouped("'")),
    "french.csv": csv(";", cell=grouped("\u202f")),
    "empty-columns.csv": csv(end=",,\n"),
    "spaces.csv": csv("  ,  "),
    "blank-rows.csv": csv(end="\n\n") + "\nSource: somebody\n",
    "header-lines.csv": csv(table=named({"mass": '"mass\nof  the\tbody"', "species": "SPECIES"})),
    "quotes.csv": csv(
        table=named({"island": '"island, ""where"""'}),
        cell=lambda value: f'"on {value},\n""there"""' if value in ISLANDS else quoted(value),
    ),
    "whatever.csv": OTHERS.to_csv(index=False),
    "floats-for-whole.csv": csv(table=frame().astype({"mass": float, "tagged": int})),
    "unknown.csv": csv(cell=lambda value: "?" if pd.isna(value) else str(value)),
    "one-text-among-numbers.csv": csv(cell=lambda v: "n.d." if pd.isna(v) else str(v)),
    "without-some-targets.csv": csv(
        table=frame().assign(species=[None if row < 2 else SPECIES[row % 4] for row in range(ROWS)])
    ),
    "one-column.csv": csv(table=frame()[["mass", "species"]]),
    "few-rows.csv": csv(table=frame(8)),
    "a-number.csv": csv(table=frame().rename(columns={"mass": "species", "species": "kind"})),
}


BINARY = (".parquet", ".feather", ".arrow", ".xlsx", ".gz")
# What the rows of a table are, where they are not those of `frame`.
COUNTS = {"few-rows.csv": 8}
NUMBERS = {
    "length": [30.25, 30.5, 30.75],
    "mass": [3000, 3251, 3502],
}


def train(folder: Path, name: str) -> tuple[Path, LocalModel]:
    content = TABLES[name]
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    target = "SPECIES" if name == "header-lines.csv" else "species"
    output = folder / "models" / f"{name}.pth"
    options = Options(hidden=(4,), epochs=1)
    train_table(path, target, output, Choices(), None, options, False, with_report=False)
    return path, LocalModel(output, allow_code=False)


async def test_tables_of_all_forms_are_trained_predicted_and_served(tmp_path: Path) -> None:
    assert len(TABLES) >= 25
    answers: dict[str, list[Prediction]] = {}
    for name in TABLES:
        path, model = train(tmp_path, name)
        wanted = Wanted.of(model.card())
        assert wanted is not None
        table = read_instances(read_sheet(path), wanted)
        assert len(table.instances) == COUNTS.get(name, ROWS), name
        for column, numbers in NUMBERS.items():
            if column in table.columns and "shuffled" not in name:
                assert table.columns[column][:3] == numbers, name
        answers[name] = await to_thread.run_sync(model.predict, table.instances)
        score = table.score(answers[name])
        assert score is not None, name
        if name != "a-number.csv":
            assert table.truth is not None
            labels = [each.label for each in answers[name]]
            assert score.right == sum(map(eq, table.truth.values, labels)), name
            assert score.rows == sum(each is not None for each in table.truth.values), name
    async with open_client(Settings(models=tmp_path / "models", model="plain.csv")) as client:
        for name, wanted in answers.items():
            body = (tmp_path / name).read_bytes()
            response = await client.post(
                f"/models/{name}/predict", content=body, headers={"Content-Type": "text/csv"}
            )
            if not name.endswith(BINARY):
                found = response.json()["predictions"]
                assert [each.get("class", each.get("outputs")) for each in found] == [
                    each.label or each.outputs for each in wanted
                ], name
            else:
                assert response.status_code == 422, name
