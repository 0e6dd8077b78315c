"""The source of one class of a script, without what else the script runs."""

from textwrap import dedent

import pytest

from stateserve.model.packing.class_source import class_source

SCRIPT = '''
"""Train."""
from __future__ import annotations
import os, sys
import torch
from torch import nn as layers
from math import *
try:
    import fast
except ImportError:
    fast = None
if sys.version_info > (3,):
    WIDTH = 4
else:
    WIDTH = 5
SIZES: list[int] = [WIDTH, 2]
x = torch.randn(2, WIDTH)
loss = print("trained")


def scaled(values):
    return values * pi / pi


@torch.no_grad()
def unused():
    return loss


class Base(layers.Module):
    pass


class Net(Base):
    """The class."""

    default = SIZES[0]

    def __init__(self, width=WIDTH):
        super().__init__()
        self.fc = layers.Linear(width, 2)

    def forward(self, x):
        loss = scaled(self.fc(x))
        return loss if fast is None else loss


for epoch in range(3):
    print("trained")

if __name__ == "__main__":
    Net = print
'''


def test_the_class_and_what_it_uses_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    found = class_source(SCRIPT, "Net", "train.py")
    names: dict[str, object] = {"__name__": "made"}
    exec(found, names)
    assert capsys.readouterr().out == ""
    defined = {name for name in names if not name.startswith("_")}
    assert {"layers", "sys", "fast", "WIDTH", "SIZES", "scaled", "Base", "Net"} <= defined
    assert defined.isdisjoint({"x", "loss", "unused", "epoch"})
    assert found.startswith("# Net and what it uses, taken out of train.py by stateserve.\n")


def test_decorators_and_lambdas_and_comprehensions_are_followed() -> None:
    script = dedent("""
        def mark(cls): return cls
        A = 1
        B = 2
        C = 3
        D = 4
        @mark
        class Net:
            a = [A for _ in range(2)]
            f = staticmethod(lambda: B)
            def g(self, C=C):
                def inner():
                    global D
                    return D, C
                return inner
        """)
    names: dict[str, object] = {}
    exec(class_source(script, "Net", "train.py"), names)
    assert names.keys() >= {"mark", "A", "B", "C", "D"}


@pytest.mark.parametrize("script", ["", "Net = 3", "def f():\n    class Net: pass"])
def test_a_script_without_the_class_is_refused(script: str) -> None:
    with pytest.raises(ValueError, match=r"train\.py defines no class Net at its top level"):
        class_source(script, "Net", "train.py")
