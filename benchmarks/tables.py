"""`python -m benchmarks.tables`: the default of `stateserve train` and two baselines of
scikit-learn, on public tables, with the same rows for training and test."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.public_tables import PublicTable, public_tables
from training.tables import Fit, Options, Table, outputs, read_table

RESULTS = Path(__file__).parent / "results" / "tables.csv"
OURS, BASELINES = "stateserve train", ("linear", "random forest")
KEYS = ["table", "seed", "model"]
# Of values: the shares of the test rows in their intervals, in all and by fifths of the value.
INSIDE = ["inside", *(f"fifth {place}" for place in range(1, 6))]
COLUMNS = [*KEYS, "score", "seconds", "rows", "columns", "measure", *INSIDE]
# A fifth of fewer test rows says little.
LEAST_OF_FIFTHS = 40


@dataclass(frozen=True)
class Case:
    """A table with one split. `rows` and `truth` are those of the frame that have a target."""

    table: Table
    frame: pd.DataFrame
    train: np.ndarray
    test: np.ndarray

    def score(self, found: np.ndarray) -> float:
        """Accuracy, or R2, on the test rows."""
        truth = self.table.target.values[self.test]
        return float((accuracy_score if self.table.target.classes else r2_score)(truth, found))


def run(table: PublicTable, seed: int, only_ours: bool) -> list[dict[str, object]]:
    """Score all three models, or ours alone, on one split."""
    frame = table.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        frame.to_csv(path, index=False)
        read = read_table(path, table.target)
    start = time.process_time()
    fitted = Fit(read, Options(seed=seed), lambda *_: None).run()
    seconds = {OURS: time.process_time() - start}
    parts = fitted.parts
    inputs = frame.drop(columns=table.target).iloc[read.target.rows]
    train = np.sort(np.concatenate([parts.train, parts.validation]))
    case = Case(read, inputs, train, parts.test)
    found = outputs(fitted.module, read.rows[parts.test])
    classes = bool(read.target.classes)
    ours = found["log_probabilities"].argmax(axis=1) if classes else found["value"]
    scores = {OURS: case.score(ours)}
    for name in () if only_ours else BASELINES:
        start = time.process_time()
        scores[name] = case.score(_baseline(name, case, seed))
        seconds[name] = time.process_time() - start
    measure = "accuracy" if classes else "R2"
    about = {"rows": len(read.rows), "columns": inputs.shape[1], "measure": measure}
    shares = {} if classes else _inside(found, read.target.values[parts.test])
    return [
        {"table": table.name, "seed": seed, "model": name, "score": round(score, 5)}
        | {"seconds": round(seconds[name], 2)}
        | about
        | (shares if name == OURS else {})
        for name, score in scores.items()
    ]


def _inside(found: dict[str, np.ndarray], truth: np.ndarray) -> dict[str, float]:
    """The shares of INSIDE; those of fifths are missing for few rows."""
    low, high = found["interval"].T
    inside = (truth >= low) & (truth <= high)
    shares = [inside.mean()]
    if len(inside) >= LEAST_OF_FIFTHS:
        parts = np.array_split(np.argsort(found["value"], kind="stable"), len(INSIDE) - 1)
        shares += [inside[part].mean() for part in parts]
    return {name: round(float(share), 4) for name, share in zip(INSIDE, shares, strict=False)}


def _baseline(name: str, case: Case, seed: int) -> np.ndarray:
    """What a baseline predicts for the test rows."""
    classes = bool(case.table.target.classes)
    if name == "linear":
        model = LogisticRegression(max_iter=2000) if classes else RidgeCV(np.logspace(-3, 3, 13))
    else:
        forest = RandomForestClassifier if classes else RandomForestRegressor
        model = forest(random_state=seed)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )
    values = case.table.target.values
    fitted = make_pipeline(columns, model).fit(case.frame.iloc[case.train], values[case.train])
    return np.asarray(fitted.predict(case.frame.iloc[case.test]))


def summary(results: pd.DataFrame) -> str:
    """The page: a row for each table, the mean of its seeds and their standard deviation."""
    names = (OURS, *BASELINES)
    lines = [
        f"| table | rows | columns | seeds | | {' | '.join(names)} | to the best | seconds |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    behind = []
    for table, rows in results.groupby("table", sort=False):
        scores = rows.pivot(index="seed", columns="model", values="score")
        scores = scores.reindex(columns=list(names)).dropna()
        if not len(scores):
            continue
        means, first = scores.mean(), rows[rows["model"] == OURS].iloc[0]
        behind.append(means[OURS] - max(means[name] for name in BASELINES))
        shown = " | ".join(f"{means[n]:.3f} ± {scores[n].std(ddof=0):.3f}" for n in names)
        seconds = rows.loc[rows["model"] == OURS, "seconds"].mean()
        lines.append(
            f"| {table} | {first['rows']} | {first['columns']:.0f} | {len(scores)} "
            f"| {first['measure']} | {shown} "
            f"| {behind[-1]:+.3f} | {seconds:.1f} |"
        )
    lines.append(
        f"| mean of {len(behind)} tables | | | | | | | | {np.mean(behind):+.3f}, "
        f"least {min(behind):+.3f} | |"
    )
    return "\n".join([*lines, "", *_intervals(results)])


def _intervals(results: pd.DataFrame) -> Iterator[str]:
    """A row for each table with a number as target: the shares in the 90 % intervals."""
    yield "Shares of the test values in the 90 % intervals, in all and by fifths of the value:"
    yield ""
    yield "| table | test rows | in all | least fifth | greatest fifth | by fifths |"
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for table, rows in results[results["inside"].notna()].groupby("table", sort=False):
        means = rows[INSIDE].mean()
        fifths = means.iloc[1:]
        shown = [""] * 3
        if fifths.notna().all():
            shown = [f"{fifths.min():.2f}", f"{fifths.max():.2f}"]
            shown.append(", ".join(f"{share:.2f}" for share in fifths))
        yield (
            f"| {table} | {round(0.2 * rows['rows'].iloc[0])} | {means['inside']:.2f} ± "
            f"{rows['inside'].std(ddof=0):.2f} | {' | '.join(shown)} |"
        )


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Tables; all if absent.")] = None,
    seeds: Annotated[int, typer.Option(min=1)] = 5,
    again: Annotated[
        bool, typer.Option("--again", help="Train again; the scores of the baselines stay.")
    ] = False,
    results: Annotated[Path, typer.Option(help="Kept, and read at the next run.")] = RESULTS,
) -> None:
    """Measure what is not in the results yet, and write the page."""
    known = {table.name: table for table in public_tables()}
    if wrong := set(names or ()) - set(known):
        raise typer.BadParameter(f"no table {min(wrong)!r}; there are {', '.join(known)}")
    found = pd.read_csv(results) if results.exists() else pd.DataFrame(columns=COLUMNS)
    for name in names or known:
        for seed in range(seeds):
            here = found[(found["table"] == name) & (found["seed"] == seed)]
            known_models = set(here["model"])
            if OURS in known_models and not again:
                continue
            rows = pd.DataFrame(run(known[name], seed, only_ours=known_models >= set(BASELINES)))
            found = pd.concat([found, rows]).drop_duplicates(KEYS, keep="last")
            found.to_csv(results, index=False)
            print(name, seed, rows[["model", "score", "seconds"]].to_dict("split")["data"])
    order = {name: place for place, name in enumerate(known)}
    found = found.sort_values("table", key=lambda column: column.map(order), kind="stable")
    print(summary(found))
    results.with_suffix(".md").write_text(summary(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
