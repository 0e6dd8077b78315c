"""Choose a network for a table, train it, and find what its held-out rows say of it."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from stateserve.model import calibrate
from stateserve.model.architectures import Columns, TableModule, Tabular
from training.calibrate import fit_temperature
from training.tables.columns_layer import make_columns
from training.tables.ensemble import Problem, add_trees, fit_ensemble, hold_out
from training.tables.interval import fit_interval
from training.tables.loop import Curves, OnStep, Rows, initial, scores_of, train
from training.tables.network import UserNetwork
from training.tables.plan import Options, Plan, describe, plans
from training.tables.split import Parts, split
from training.tables.table import Table


@dataclass(frozen=True)
class Trial:
    """A network on the held-out rows: their scores, and the curves of its training."""

    name: str
    places: np.ndarray
    scores: torch.Tensor
    loss: float
    curves: Curves


@dataclass(frozen=True)
class Fitted:
    """`trials` are the compared networks, the last of which has `plan` and is `module`, in
    evaluation mode.

    `held_out` is the number of rows behind the temperature or the interval.
    """

    module: TableModule
    plan: Plan
    parts: Parts
    trials: list[Trial]
    held_out: int
    interrupted: bool


class Fit:
    """A training run of one table."""

    def __init__(
        self, table: Table, options: Options, on_step: OnStep, network: UserNetwork | None = None
    ) -> None:
        self._table, self._options, self._on_step = table, options, on_step
        self._network = network
        target = table.target
        self._classes = len(target.classes) or None
        count = len(target.values)
        self.parts = split(
            target.values, bool(self._classes), options.test_size, 0.15, options.seed, table.groups
        )
        if not options.holds_out(round(count * (1 - options.test_size))):
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
        rows = len(self.parts.train) + len(self.parts.validation)
        if self._network is None:
            # In networks so small, threads wait for each other longer than they save.
            torch.set_num_threads(1)
        torch.manual_seed(self._options.seed)
        every = plans(rows, self._options)
        return self._join(every) if not len(self.parts.validation) else self._train(every[0])

    def _train(self, plan: Plan) -> Fitted:
        """One network, with its best epoch on the validation rows."""
        places, held_places = self.parts.train, self.parts.validation
        module = self._make(plan)
        rows, held = self._take(places), self._take(held_places)
        curves = train(module, rows, held, plan, self._on_step, self._weights)
        scores, alone = scores_of(module, held.inputs), replace(plan, trees=0)
        trials = [self._trial(describe(alone), held_places, scores, curves)]
        added, interrupted = None, curves.interrupted
        if plan.trees and not interrupted and isinstance(module, Tabular):
            try:
                added = add_trees(module, rows, held, scores, plan.trees, self._options.seed)
            except KeyboardInterrupt:
                interrupted = True
        if added is not None:
            trials.append(self._trial("with decision trees", held_places, added, curves))
        self._calibrate(module, trials[-1])
        plan = plan if added is not None else alone
        return Fitted(module, plan, self.parts, trials, len(held_places), interrupted)

    def _join(self, every: list[Plan]) -> Fitted:
        """Many small networks as one: each leaves a part of the rows out."""
        places = self.parts.train
        rows = self._take(places)
        columns = self._columns(parts=True)
        groups = self._table.groups[places]
        held_out = hold_out(
            self._table.target.values[places],
            bool(self._classes),
            every[0].members,
            self._options.seed,
            groups,
        )
        problem = Problem(
            inputs=columns(rows.inputs),
            plain=columns.width - len(columns.edge_column),
            targets=rows.targets,
            classes=self._classes,
            class_weights=self._weights,
            held_out=held_out,
            groups=groups,
            grouped=self._table.group is not None,
        )
        found = fit_ensemble(problem, every, self._on_step, self._options.seed)
        module = self._make(found.plan)
        found.layers.copy_to(module)  # type: ignore[arg-type]
        module.eval()
        trials = [
            self._trial(describe(plan), places, trained.scores, trained.curves)
            for plan, trained in found.candidates
        ]
        joined = self._trial("joined", places, found.scores, found.curves)
        self._calibrate(module, joined)
        return Fitted(
            module, found.plan, self.parts, [*trials, joined], len(places), found.interrupted
        )

    def _trial(self, name: str, places: np.ndarray, scores: torch.Tensor, curves: Curves) -> Trial:
        return Trial(name, places, scores, self._loss(scores, places), curves)

    def _columns(self, *, parts: bool) -> Columns:
        rows = self._table.rows[self.parts.train]
        return make_columns(rows, self._table.features, parts=parts)

    def _make(self, plan: Plan) -> TableModule:
        torch.manual_seed(self._options.seed)
        columns = self._columns(parts=plan.parts)
        module: TableModule
        if self._network is not None:
            module = self._network.make(columns)
        else:
            module = initial(Tabular(columns, plan.hidden, self._classes, dropout=plan.dropout))
        if not self._classes:
            module.mean.fill_(self._mean)
            module.deviation.fill_(self._deviation)
        return module

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
        truth = targets.numpy()
        found = calibrate(torch.log_softmax(scores, 1).numpy(), self._temperature(scores, truth))
        return float(
            -np.average(found[np.arange(len(truth)), truth], weights=self._row_weights(truth))
        )

    def _temperature(self, scores: torch.Tensor, truth: np.ndarray) -> float:
        """The best temperature: with class weights, for rows that have them, too."""
        logits = torch.log_softmax(scores, 1).numpy()
        return fit_temperature(logits, truth, self._row_weights(truth))

    def _row_weights(self, truth: np.ndarray) -> np.ndarray | None:
        return None if self._weights is None else self._weights.numpy()[truth]

    def _calibrate(self, module: TableModule, best: Trial) -> None:
        """Set the temperature, or the interval, from the held-out rows."""
        every = self._table.target.values
        targets = every[best.places]
        if self._classes:
            module.temperature.fill_(self._temperature(best.scores, targets))
            return
        predicted = best.scores[:, 0].numpy().astype(np.float64) * self._deviation + self._mean
        known = every[np.concatenate([self.parts.train, self.parts.validation])]
        module.interval = fit_interval(predicted, targets, known)
