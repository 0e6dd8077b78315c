"""The command convert: a checkpoint in another format."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.checkpoints import Key
from app.cli.names_options import Only, Rename, StripPrefix
from app.cli.output import AsJson, print_json, print_line
from app.cli.progress import progress

if TYPE_CHECKING:
    from stateserve.checkpoint import Converted


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A checkpoint: a file or folder.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help=".pth, .safetensors, .npz, .bin or .pickle.")
    ],
    key: Key = None,
    dtype: Annotated[
        str | None,
        typer.Option(help="float16, bfloat16, float32 or float64, for all floating tensors."),
    ] = None,
    allow_overflow: Annotated[
        bool,
        typer.Option("--allow-overflow", help="Write numbers too large for --dtype as infinity."),
    ] = False,
    strip_prefix: StripPrefix = None,
    rename: Rename = None,
    only: Only = None,
    ties: Annotated[
        str | None,
        typer.Option(
            metavar="keep|copy|omit",
            help="Tensors that share memory: keep that, copy each, or write one name of each. "
            "Unless given, keep where the format can, else copy.",
        ),
    ] = None,
    max_shard_size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Several files of at most SIZE, such as 2GB, and index."),
    ] = None,
    legacy: Annotated[
        bool, typer.Option("--legacy", help="The format of torch.save before torch 1.6.")
    ] = False,
    trust_pickle: Annotated[
        bool,
        typer.Option("--trust-pickle", help="Run the code in IN, for what cannot be read as data."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the state of a checkpoint in another format, that of the suffix of OUT.

    Names change as in diff: --strip-prefix, then --rename, then --only. Memory does not grow
    with the file, and OUT is replaced only when all is written.
    """
    from stateserve.checkpoint import ConvertOptions
    from stateserve.model import convert_model
    from stateserve.names import NameChanges

    names = NameChanges(strip_prefix or [], rename or [], only or [])
    options = ConvertOptions(key, names, dtype, allow_overflow, ties, max_shard_size, legacy)
    with progress("writing") as done:
        written = convert_model(source, target, options, trust_pickle=trust_pickle, done=done)
    _show(written, as_json=as_json)


def _show(written: "Converted", *, as_json: bool) -> None:
    first, *parts = (str(path) for path in written.files)
    if as_json:
        fields = {"file": first, "parts": parts, "tensors": written.tensors}
        print_json({**fields, "notes": written.notes})
        return
    more = f" and {len(parts)} files" if parts else ""
    tensors = "1 tensor" if written.tensors == 1 else f"{written.tensors} tensors"
    print_line(f"wrote {first}{more}: {tensors}")
    for note in written.notes:
        print_line(note)
