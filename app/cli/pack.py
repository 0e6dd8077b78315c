"""`stateserve pack`: from code, state and an example to files that serve."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.checkpoints import Key
from app.cli.output import AsJson, print_json, print_line, print_table, table
from app.limits import require_memory
from app.option_values import IMAGE, KWARGS, TOKENS, axes, json_object, names, pairs
from stateserve.names import module_prefix

if TYPE_CHECKING:
    from stateserve.model import Packed


def pack(
    code: Annotated[
        str,
        typer.Argument(
            metavar="CODE",
            help="FILE.py:CLASS, FILE.pt2 of torch.export, or FILE.mar[:CLASS] of TorchServe.",
        ),
    ],
    state: Annotated[
        Path | None,
        typer.Argument(metavar="[STATE]", help="The checkpoint; a program has a state of its own."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="A folder, such as models/digits/1, or a checkpoint, models/digits.pth."),
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option(
            help="Example inputs: .npy, or .npz or .safetensors by argument of forward; a PNG or "
            "JPEG for --image."
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="X,Y,..., a file with a class on each line, or JSON, also in a .json."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The model's name in the card.")] = None,
    kwargs: Annotated[
        str | None, typer.Option(metavar="JSON", help="Arguments of the class.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="JSON", help='How a picture becomes an input: {"mode": "L"}.'),
    ] = None,
    tokens: Annotated[
        str | None,
        typer.Option(metavar="JSON", help='An input of token ids: {"vocabulary": 1000, "pad": 0}.'),
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="A,B,...", help='Names of columns: "length (cm)".')
    ] = None,
    units: Annotated[
        str | None, typer.Option(help="The unit of an output, or NAME=UNIT,...")
    ] = None,
    dynamic: Annotated[
        str | None,
        typer.Option(metavar="INPUT:AXIS,...", help="Axes of any length, besides the batch."),
    ] = None,
    strip_prefix: Annotated[
        list[str] | None,
        typer.Option(help="Prefix of the names in the state, such as module. May be repeated."),
    ] = None,
    key: Key = None,
    program: Annotated[
        bool, typer.Option("--program", help="Write a program of torch.export, not the class.")
    ] = False,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Add the ONNX graph, which ONNX Runtime serves.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the files there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a model that serves: its state, its code, a model card and golden outputs.

    Runs CODE. The signature is inferred by running the module on the example; each row alone must
    give what it gives in a batch.
    """
    require_memory()
    from app.predict.pictures import example_picture
    from stateserve.errors import CardMismatch
    from stateserve.model import (
        LoadOptions,
        archive_of,
        hints_of,
        is_state_file,
        pack_model,
        parse_classes,
    )

    if output is None:
        raise typer.BadParameter("--output FOLDER is missing, such as models/digits/1")
    try:
        is_state_file(output)
    except CardMismatch as error:
        raise typer.BadParameter(f"--output {error}") from None
    if state is not None and archive_of(code):
        raise typer.BadParameter(f"{code} has a state of its own; leave out {state}")
    hints = hints_of(
        classes=parse_classes(classes) if classes else None,
        image=json_object("--image", image, IMAGE),
        tokens=json_object("--tokens", tokens, TOKENS),
        features=names("--features", features) if features else None,
        units=pairs("--units", units),
        dynamic=axes("--dynamic", dynamic),
    )
    options = LoadOptions(
        code=code,
        kwargs=json_object("--kwargs", kwargs, KWARGS) or {},
        example=example,
        hints=hints,
        strip_prefix=module_prefix(strip_prefix or []),
        key=key,
    )
    # Standard output is for the result; the module's forward may write there, too.
    with redirect_stdout(sys.stderr):
        packed = pack_model(
            state,
            output,
            options,
            name=name,
            program=program,
            onnx=onnx,
            replace=force,
            read_picture=example_picture,
        )
    if as_json:
        print_json(_described(packed))
    else:
        _show(packed)


def _described(packed: "Packed") -> dict[str, object]:
    card = packed.card
    return {
        "state": str(packed.state),
        "files": [str(path) for path in packed.files],
        "inputs": [each.model_dump(exclude_none=True) for each in card.inputs],
        "outputs": [each.model_dump(exclude_none=True) for each in card.outputs],
        "equal_axes": card.equal_axes,
        "notes": packed.notes,
        "serve": packed.serve,
    }


def _show(packed: "Packed") -> None:
    from stateserve.model import axes_text

    card = packed.card
    rows = table("name", "dtype", "shape", "what")
    for given in card.inputs:
        kinds = ("image", "tokens", "features")
        kind = next((each for each in kinds if getattr(given, each) is not None), "tensor")
        rows.add_row(given.name, given.dtype, str(given.shape), f"input, {kind}")
    for output in card.outputs:
        classes = f" of {len(output.classes)} classes" if output.classes else ""
        rows.add_row(
            output.name, output.dtype, str(output.shape), f"output, {output.kind}{classes}"
        )
    print_table(rows)
    for group in card.signature.equal:
        print_line(f"of equal lengths: {axes_text(group)}")
    for note in packed.notes:
        print_line(note)
    files = ", ".join(path.name for path in packed.files)
    print_line(f"wrote {packed.state.parent}: {files}")
    print_line(f"to serve it: {packed.serve}")
