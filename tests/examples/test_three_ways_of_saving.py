"""Runs the examples as the README does."""

import subprocess

from tests.process import forked
from tests.project import ROOT


def test_three_ways_of_saving() -> None:
    script = ROOT / "examples" / "three_ways_of_saving.py"
    result = subprocess.run(forked(script), check=True, capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.count("same answer: True") == 2
    assert "norm.running_mean         buffer" in result.stdout
    assert "parameters are copied: True, and the memory is shared: False" in result.stdout
    assert "torch.load refuses: Weights only load failed" in result.stdout
    assert (
        "AttributeError: Can't get attribute 'OfThisScript' on <module '__main__'" in result.stdout
    )
