"""The interval of a table's value, and states from before it had knots."""

import numpy as np
import pytest
import torch

from stateserve.errors import StateMismatch
from stateserve.model.architectures import Columns, Interval, Tabular

ROWS = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))


def _module() -> Tabular:
    torch.manual_seed(0)
    module = Tabular(Columns(2, 2, 0, 0, 0), [4]).eval()
    module.columns.number.copy_(torch.tensor([0, 1]))
    module.interval = Interval(knots=3, limits=2)
    module.interval.predicted.copy_(torch.tensor([0.0, 0.5, 1.0]))
    module.interval.residuals.copy_(torch.tensor([[-1.0, 1.0], [-2.0, 3.0], [-4.0, 8.0]]))
    module.interval.limits.copy_(torch.tensor([0.1, 5.0]))
    return module


def test_ends_are_linear_between_knots_and_within_the_limits() -> None:
    interval = _module().interval
    value, ends = interval(torch.linspace(-2, 9, 200))
    expected = np.maximum(np.linspace(-2, 9, 200), 0.1)
    assert value.numpy() == pytest.approx(expected, rel=1e-5)
    for side in range(2):
        residuals = np.interp(expected, interval.predicted, interval.residuals[:, side])
        bounded = np.clip(expected + residuals, 0.1, np.maximum(expected, 5))
        assert ends[:, side].numpy() == pytest.approx(bounded, rel=1e-5, abs=1e-5)


def test_a_saved_state_and_an_exported_program_give_the_same_answers_row_by_row() -> None:
    module = _module()
    loaded = Tabular.from_state(module.state_dict())
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(module, (ROWS,), dynamic_shapes=dynamic).module()
    together = module(ROWS)
    for name, expected in together.items():
        assert torch.equal(loaded(ROWS)[name], expected)
        assert torch.allclose(program(ROWS)[name], expected)
    _, ends = module.interval(together["value"])
    for row in range(len(ROWS)):
        assert torch.equal(module.interval(together["value"][row : row + 1])[1][0], ends[row])


def test_an_older_state_has_an_interval_of_constant_width() -> None:
    state = _module().state_dict()
    for name in ("predicted", "residuals", "limits"):
        del state[f"interval.{name}"]
    found = Tabular.from_state({**state, "residuals": torch.tensor([-1.5, 2.5])})(ROWS)
    assert torch.equal(found["interval"], found["value"][:, None] + torch.tensor([-1.5, 2.5]))


@pytest.mark.parametrize(
    ("knots", "fault"), [([0.0, 1.0, 1.0], "is not ascending"), ([], "has no values")]
)
def test_knots_in_no_order_and_no_knots_are_refused(knots: list[float], fault: str) -> None:
    given = {"interval.predicted": torch.tensor(knots)}
    given["interval.residuals"] = torch.zeros(len(knots), 2)
    with pytest.raises(StateMismatch, match=rf"interval\.predicted {fault}"):
        Tabular.from_state(_module().state_dict() | given)
