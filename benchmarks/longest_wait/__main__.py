"""`python -m benchmarks.longest_wait`: these waits alone."""

import typer

from benchmarks.longest_wait.measurement import main

typer.run(main)
