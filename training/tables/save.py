"""Write a trained network with its card."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stateserve.model import ColumnRecord, TableRecord, histograms, save_model
from stateserve.tables import keep_hashes
from training.tables.examples import example_rows
from training.tables.fit import Fitted
from training.tables.interval import LEVEL
from training.tables.network import UserNetwork
from training.tables.plan import Options
from training.tables.table import Table

EXAMPLE_ROWS = 3
MOST_NOTES = 100


def save(
    fitted: Fitted,
    table: Table,
    options: Options,
    metrics: dict[str, float],
    path: Path,
    network: UserNetwork | None = None,
    cautions: Sequence[str] = (),
) -> Path:
    """Write state, card and golden outputs to `path`; `cautions` become notes of the card.

    Raises CheckpointError or OSError.
    """
    target = table.target
    units = {"value": target.unit or "", "interval": target.unit or ""}
    return save_model(
        fitted.module,
        _example(table.rows[fitted.parts.train]),
        path,
        code=network.code if network else None,
        classes=target.classes or None,
        features=table.features,
        units=None if target.classes else units,
        dataset=table.source,
        hyperparameters=_hyperparameters(fitted, options, built_in=network is None),
        metrics=metrics,
        table=_record(fitted, table, cautions),
        overwrite=True,
    )


def _hyperparameters(
    fitted: Fitted, options: Options, *, built_in: bool
) -> dict[str, bool | int | float | str]:
    plan, classify = fitted.plan, fitted.module.is_classifier
    found: dict[str, bool | int | float | str] = {
        "seed": options.seed,
        "weight_decay": plan.weight_decay,
        "epochs": plan.epochs,
        "batch_size": plan.batch_size,
        "learning_rate": plan.learning_rate,
        "optimizer": "AdamW",
        "loss": "cross_entropy" if classify else "mse_loss",
        "class_weights": options.balance,
        "held_out_rows": fitted.held_out,
        "test_size": options.test_size,
    }
    if built_in:
        found |= {
            "hidden": ",".join(map(str, plan.hidden)),
            "parts_of_ranges": plan.parts,
            "trees": plan.trees,
            "dropout": plan.dropout,
        }
    return found if classify else found | {"interval_level": LEVEL}


def _record(fitted: Fitted, table: Table, cautions: Sequence[str]) -> TableRecord:
    notes = [note[:1000] for note in [*cautions, *table.notes]]
    more, parts = len(notes) - MOST_NOTES, fitted.parts
    if more > 0:
        notes[MOST_NOTES - 1 :] = [f"and {more + 1} more notes"]
    used = table.rows[np.concatenate([parts.train, parts.validation])]
    return TableRecord(
        target=table.target.name,
        task=table.target.task,
        rows=len(table.rows),
        train_rows=len(parts.train),
        validation_rows=len(parts.validation),
        test_rows=len(parts.test),
        columns=[
            ColumnRecord(name=each.name[:1000], decision=each.decision[:1000])
            for each in table.decided
        ],
        notes=notes,
        class_dtype=table.class_dtype,
        histograms=histograms(used, table.features),
        row_hashes=keep_hashes(used),
        examples=example_rows(table, parts.train),
    )


def _example(rows: np.ndarray) -> np.ndarray:
    """Rows with few missing values, as examples and golden inputs."""
    order = np.argsort(np.isnan(rows).sum(axis=1), kind="stable")
    return rows[order[:EXAMPLE_ROWS]].copy()
