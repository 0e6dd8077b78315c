"""The page of the report, from its parts and a template."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from stateserve.checkpoint import write_atomically
from training.tables.fit import Fitted
from training.tables.interval import LEVEL
from training.tables.plan import Options
from training.tables.report.baselines import Baselines
from training.tables.report.calibration import coverages, reliability
from training.tables.report.calls import Calls
from training.tables.report.chart import number, three_decimals
from training.tables.report.confusion import Confusion
from training.tables.report.importance import importances
from training.tables.report.pictures import draw_curves, draw_reliability, draw_residuals
from training.tables.report.scores import Scores, score_classes, score_values
from training.tables.report.tested import Tested
from training.tables.report.worst_rows import WorstRows
from training.tables.table import Table

TEMPLATE = "report.html.jinja"
MOST_COLUMNS = 500


@dataclass(frozen=True)
class Comparison:
    """The model's scores and those of the baselines, the last of which knows no column.

    The baselines are trained on `rows` rows.
    """

    model: Scores
    baselines: list[Scores]
    rows: int

    @property
    def verdict(self) -> str:
        """What the figures say, in a sentence."""
        best = max(self.baselines, key=lambda each: each.figure)
        difference = self.model.figure - best.figure
        name, size = best.name, f"{abs(difference):.3f}"
        if difference == 0:
            return f"The best of the others, {name}, has the same figure."
        if not self.model.differs_from(best):
            rows = f"{len(self.model.each):,} test rows"
            return f"The best of the others is {name}; the difference is within chance on {rows}."
        better = "better" if difference > 0 else "worse"
        return f"This is {size} {better} than the best of the others: {name}."


def write_report(
    fitted: Fitted, table: Table, options: Options, path: Path, serve: str, cautions: list[str]
) -> Comparison:
    """Write the report to `path`. `serve` are the options of `stateserve serve` in its folder;
    `cautions` are sentences for its head.

    Raises OSError.
    """
    tested = Tested.of(fitted, table)
    train, seed = fitted.parts.train, options.seed
    baselines = Baselines(table, train, seed, balance=options.balance)
    comparison = Comparison(_score(tested, options), baselines.scores(tested), baselines.rows)
    important = importances(fitted.module, tested, seed)
    curves = fitted.trials[-1].curves
    found = reliability(tested, balance=options.balance) if tested.classes else None
    content = (
        _environment()
        .get_template(TEMPLATE)
        .render(
            table=table,
            fitted=fitted,
            tested=tested,
            comparison=comparison,
            cautions=cautions,
            importances=important,
            worst=WorstRows.of(tested, important.places or range(len(tested.features))),
            confusion=Confusion(tested) if tested.classes else None,
            reliability=found,
            reliability_chart=draw_reliability(found) if found else None,
            residuals=None if found else draw_residuals(tested, table.target.unit),
            coverages=coverages(tested),
            level=LEVEL,
            curves=draw_curves(curves) if curves.train else None,
            calls=Calls.of(tested, serve),
            most_columns=MOST_COLUMNS,
        )
    )
    write_atomically({path: content.encode("utf-8", "backslashreplace")})
    return comparison


def _score(tested: Tested, options: Options) -> Scores:
    if tested.classes:
        return score_classes("this model", tested.answers, tested.truth, balance=options.balance)
    return score_values("this model", tested.answers, tested.truth)


def _environment() -> Environment:
    """All text of a table is escaped: names of columns and classes are no markup."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "three": three_decimals}
    return environment
