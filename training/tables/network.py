"""A class of the user as the network behind the columns of a table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

import torch
from pydantic import JsonValue
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from stateserve.errors import CodeFailed, StateserveError
from stateserve.model.architectures import ClassFile, Columns, CustomTabular, TableCode, open_code
from stateserve.text import class_of, first_line
from training.errors import DataError
from training.tables.columns_layer import make_columns
from training.tables.table import Table

CHECKED_ROWS = 16
# Between a row alone and the same row among others.
TOLERANCE = 1e-3


class UserNetwork:
    """`code` makes modules that map float32 (rows, `width`), the encoded columns, to logits or
    log-probabilities (rows, `outputs`) of classes, or to scaled values (rows, 1) or (rows,)."""

    def __init__(self, network: ClassFile, width: int, outputs: int, *, classify: bool) -> None:
        self.code = TableCode(network)
        self.width, self.outputs, self._classify = width, outputs, classify
        entry = self.code.entry
        arguments = ", ".join(f"{name}={value!r}" for name, value in entry.kwargs.items())
        self._where = f"{entry.file}:{entry.name}"
        self.text = f"{self._where}({arguments})"

    @classmethod
    def open(cls, text: str, kwargs: Mapping[str, JsonValue], table: Table) -> Self:
        """Import `FILE.py:CLASS`, and try the class on rows of the table. Raises CodeFailed."""
        found = open_code(text, kwargs)
        if not isinstance(found, ClassFile):
            raise CodeFailed(f"{text}: a program is not trained; name a class, FILE.py:CLASS")
        columns = make_columns(table.rows, table.features, parts=False)
        outputs = len(table.target.classes) or 1
        classify = bool(table.target.classes)
        made = cls(found.sized(columns.width, outputs), columns.width, outputs, classify=classify)
        made._require_fit(columns(torch.from_numpy(table.rows[:CHECKED_ROWS])))
        return made

    def make(self, columns: Columns) -> CustomTabular:
        """A new module. Raises CodeFailed."""
        network = self.code.network.make()
        if any(map(is_lazy, network.parameters())):
            with self.running(), torch.no_grad():
                network(torch.zeros(2, self.width))
        return CustomTabular(columns, network, is_classifier=self._classify)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the module; its errors become CodeFailed, with the line of its file."""
        try:
            yield
        except (StateserveError, DataError):
            raise
        except (Exception, SystemExit) as error:
            raise CodeFailed(
                f"{self.code.network.place(error)}: forward raised {first_line(error)}; "
                f"{self._where} gets float32 [rows, {self.width}]"
            ) from None

    def _require_fit(self, encoded: Tensor) -> None:
        """Raise CodeFailed unless the module can be trained on such rows."""
        network = self.make(Columns(0, 0, 0, 0, 0)).network.train()
        if not any(each.requires_grad for each in network.parameters()):
            raise CodeFailed(f"{self._where} has no parameters to train")
        found = self._run(network, encoded)
        if not found.requires_grad:
            raise CodeFailed(f"{self._where}: what forward returns depends on no parameter")
        network.eval()
        with torch.no_grad():
            together = self._run(network, encoded)
            again, alone = self._run(network, encoded), self._run(network, encoded[:1])
        for other, what in ((again, "a second pass"), (alone, "a row alone")):
            if not torch.allclose(together[: len(other)], other, TOLERANCE, TOLERANCE):
                raise CodeFailed(
                    f"{self._where}: in evaluation mode, {what} gives other outputs; dropout and "
                    "normalization must follow self.training"
                )

    def _run(self, network: nn.Module, encoded: Tensor) -> Tensor:
        """The outputs. Raises CodeFailed for any that no loss can be made of."""
        with self.running():
            found: object = network(encoded)
        rows = len(encoded)
        shapes = [(rows, self.outputs)] if self._classify else [(rows, 1), (rows,)]
        wanted = f"{self.outputs} classes need logits" if self._classify else "a number needs"
        needs = f"{wanted} float32 {list(shapes[0])}, for float32 {list(encoded.shape)}"
        if not isinstance(found, Tensor):
            raise CodeFailed(f"{self._where} returned {class_of(found)}; {needs}")
        if tuple(found.shape) not in shapes or found.dtype != torch.float32:
            dtype = str(found.dtype).removeprefix("torch.")
            raise CodeFailed(f"{self._where} returned {dtype} {list(found.shape)}; {needs}")
        if not found.isfinite().all():
            raise CodeFailed(f"{self._where} returned NaN or infinity, before any training")
        sums = found.detach().sum(dim=-1)
        if self._classify and (found >= 0).all() and torch.allclose(sums, torch.ones(rows)):
            raise CodeFailed(
                f"{self._where} returned probabilities; return logits, or end with LogSoftmax"
            )
        return found
