"""`python -m benchmarks.tensors`: these ratios alone."""

import typer

from benchmarks.tensors.ratios import main

typer.run(main)
