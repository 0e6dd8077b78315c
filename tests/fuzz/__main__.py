"""`python -m tests.fuzz [TARGET...]`, also `make fuzz`: coverage-guided fuzzing.

FUZZ_SECONDS is the time for all targets. Inputs that reached new code are kept in build/fuzz/ for
the next run. Inputs that broke an invariant are in build/fuzz/broken/: correct the code, and move
the input to tests/fuzz/found/TARGET/, which `make test` replays.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

WORK = Path(__file__).parents[2] / "build" / "fuzz"
INSTRUMENTED = [
    "app",
    "stateserve",
    "json",
    "multipart",
    "PIL",
    "zipfile",
    "pickletools",
    "numpy.lib.format",
    "numpy.lib._format_impl",
]


def fuzz(name: str, seconds: int) -> str:
    """Run one target in a process, which libFuzzer ends; returns a line of text."""
    corpus, broken = WORK / name, WORK / "broken"
    corpus.mkdir(parents=True, exist_ok=True)
    broken.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz", "--one", name, str(corpus)]
    command += [f"-max_total_time={seconds}", f"-artifact_prefix={broken}/{name}-"]
    command += ["-timeout=20", "-rss_limit_mb=4096", "-max_len=65536", "-print_final_stats=1"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(r"number_of_executed_units: (\d+)", done.stdout)
    if done.returncode or not found:
        raise SystemExit(f"{name}: status {done.returncode}\n{done.stdout[-6000:]}")
    coverage = re.findall(r"cov: (\d+)", done.stdout)[-1]
    return f"{name}: {found[1]} inputs, {coverage} branches, {len(list(corpus.iterdir()))} kept"


def run_one(name: str, arguments: list[str]) -> None:
    """Never returns."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.invariant import require
        from tests.fuzz.seeds import seeds
        from tests.fuzz.targets import TARGETS, prepare
    prepare()
    for number, seed in enumerate(seeds(name)):
        (Path(arguments[0]) / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *arguments], lambda content: require(TARGETS[name], content))
    atheris.Fuzz()


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        run_one(sys.argv[2], sys.argv[3:])
    from tests.fuzz.targets import TARGETS

    names = sys.argv[1:] or list(TARGETS)
    seconds = int(os.environ.get("FUZZ_SECONDS", "600"))
    for name in names:
        print(fuzz(name, max(1, seconds // len(names))), flush=True)


if __name__ == "__main__":
    main()
