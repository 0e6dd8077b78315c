"""Choose a network for a table, train it, and find what its held-out rows say of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import KFold, StratifiedKFold

from stateserve.model import calibrate
from stateserve.model.architectures import Tabular
from training.calibrate import fit_temperature
from training.tables.encoding import make_columns
from training.tables.loop import Curves, OnStep, Rows, initial, scores_of, train
from training.tables.plan import FEW_ROWS, Options, Plan, folds, plans, threads
from training.tables.split import Parts, split
from training.tables.table import Table

# The interval of a value holds so many of the rows.
LEVEL = 0.9


@dataclass(frozen=True)
class Trial:
    """One plan on the held-out rows: their scores, and the curves of each training."""

    plan: Plan
    places: np.ndarray
    scores: torch.Tensor
    loss: float
    curves: list[Curves]
    module: Tabular


@dataclass(frozen=True)
class Fitted:
    """`trials` are the compared plans, `plan` is the chosen one, `module` is in evaluation mode.

    `held_out` is the number of rows behind the temperature or the interval.
    """

    module: Tabular
    plan: Plan
    parts: Parts
    trials: list[Trial]
    held_out: int
    interrupted: bool


class Fit:
    """A training run of one table."""

    def __init__(self, table: Table, options: Options, on_step: OnStep) -> None:
        self._table, self._options, self._on_step = table, options, on_step
        target = table.target
        self._classes = len(target.classes) or None
        count = len(target.values)
        self.parts = split(
            target.values, bool(self._classes), options.test_size, 0.15, options.seed
        )
        if count * (1 - options.test_size) <= FEW_ROWS:
            both = np.concatenate([self.parts.train, self.parts.validation])
            nothing = np.empty(0, np.int64)
            self.parts = Parts(np.sort(both), nothing, self.parts.test)
        self._rows = torch.from_numpy(table.rows)
        self._mean, self._deviation = 0.0, 1.0
        values = torch.tensor(target.values)
        if not self._classes:
            known = target.values[self.parts.train].astype(np.float64)
            self._mean, self._deviation = float(known.mean()), float(known.std()) or 1.0
            values = (values - self._mean) / self._deviation
        self._all = Rows(self._rows, values)
        self._weights = self._class_weights() if options.balance and self._classes else None

    def run(self) -> Fitted:
        """Train; Ctrl-C ends it with the best network so far."""
        rows = len(self.parts.train)
        torch.set_num_threads(threads(rows))
        trials: list[Trial] = []
        interrupted = False
        for plan in plans(rows, self._options):
            trials.append(self._try(plan, folds(rows)))
            interrupted = any(each.interrupted for each in trials[-1].curves)
            if interrupted:
                break
        best = min(trials, key=lambda trial: trial.loss)
        module = best.module
        if rows <= FEW_ROWS and not interrupted:
            try:
                module = self._make(self.parts.train, best.plan)
                self._train(module, self.parts.train, None, best.plan)
            except KeyboardInterrupt:
                module, interrupted = best.module, True
        self._calibrate(module, best)
        return Fitted(module, best.plan, self.parts, trials, len(best.places), interrupted)

    def _try(self, plan: Plan, count: int) -> Trial:
        """Train on a part of the rows, and score the others; on `count` parts, if over one."""
        curves, places, scores = [], [], []
        module: Tabular | None = None
        for fit_places, held_places in self._folds(count):
            module = self._make(fit_places, plan)
            held = self._take(held_places)
            curves.append(self._train(module, fit_places, held, plan))
            places.append(held_places)
            scores.append(scores_of(module, held.inputs))
            if curves[-1].interrupted:
                break
        found = torch.cat(scores)
        held_out = np.concatenate(places)
        loss = self._loss(found, held_out)
        return Trial(plan, held_out, found, loss, curves, module)  # type: ignore[arg-type]

    def _train(
        self, module: Tabular, places: np.ndarray, held_out: Rows | None, plan: Plan
    ) -> Curves:
        return train(module, self._take(places), held_out, plan, self._on_step, self._weights)

    def _folds(self, count: int) -> Sequence[tuple[np.ndarray, np.ndarray]]:
        train_rows, seed = self.parts.train, self._options.seed
        if len(self.parts.validation):
            return [(train_rows, self.parts.validation)]
        values = self._table.target.values[train_rows]
        if count == 1:
            two = split(values, bool(self._classes), 0.15, 0.5, seed)
            others = np.concatenate([two.train, two.validation])
            return [(train_rows[others], train_rows[two.test])]
        chooser = KFold(count, shuffle=True, random_state=seed)
        if self._classes and np.bincount(values).min() >= count:
            chooser = StratifiedKFold(count, shuffle=True, random_state=seed)
        return [(train_rows[a], train_rows[b]) for a, b in chooser.split(train_rows, values)]

    def _make(self, places: np.ndarray, plan: Plan) -> Tabular:
        torch.manual_seed(self._options.seed)
        rows = self._table.rows[places]
        columns = make_columns(rows, self._table.features, parts=plan.parts)
        module = Tabular(columns, plan.hidden, self._classes, dropout=plan.dropout)
        if not self._classes:
            module.mean.fill_(self._mean)
            module.deviation.fill_(self._deviation)
        return initial(module)

    def _take(self, places: np.ndarray) -> Rows:
        return self._all.take(torch.from_numpy(places))

    def _class_weights(self) -> torch.Tensor:
        counts = np.bincount(self._table.target.values[self.parts.train])
        weights = counts.sum() / (len(counts) * np.maximum(counts, 1))
        return torch.from_numpy(weights.astype(np.float32))

    def _loss(self, scores: torch.Tensor, places: np.ndarray) -> float:
        """The loss on held-out rows: of classes, with the best temperature."""
        targets = self._all.targets[torch.from_numpy(places)]
        if not self._classes:
            return float(((scores[:, 0] - targets) ** 2).mean())
        logits = torch.log_softmax(scores, 1).numpy()
        found = calibrate(logits, fit_temperature(logits, targets.numpy()))
        return float(-found[np.arange(len(targets)), targets.numpy()].mean())

    def _calibrate(self, module: Tabular, best: Trial) -> None:
        """Set the temperature, or the residuals, from the held-out rows."""
        targets = self._all.targets[torch.from_numpy(best.places)]
        if self._classes:
            logits = torch.log_softmax(best.scores, 1).numpy()
            module.temperature.fill_(fit_temperature(logits, targets.numpy()))
            return
        residuals = np.sort((targets - best.scores[:, 0]).numpy().astype(np.float64))
        count = len(residuals)
        # As conformal prediction has it: with few rows, the outermost.
        low = max(0, int(np.floor((count + 1) * (1 - LEVEL) / 2)) - 1)
        ends = residuals[[low, count - 1 - low]] * self._deviation
        module.residuals.copy_(torch.from_numpy(ends))
