"""What a person reads when the service starts: the models, and the addresses to open."""

from collections.abc import Sequence
from functools import partial

from app import __version__
from app.api import Service
from app.settings import Target
from stateserve.model import AnyModel, Input, ModelCard, Output

MOST_MODELS = 12
WILDCARDS = {"http://0.0.0.0:": "http://127.0.0.1:", "http://[::]:": "http://[::1]:"}


def served_models(service: Service, urls: Sequence[str]) -> str:
    """A line for each of the first MOST_MODELS models, then the page and the API.

    It ends with a line break.
    """
    models = [endpoint.model for endpoint in service.registry.served()]
    roles = partial(_roles, service.endpoint().model, service.settings.targets)
    # The default, its canary and its shadow are shown in any case.
    models.sort(key=lambda model: not roles(model))
    rows = [_row(model, roles(model)) for model in models[:MOST_MODELS]]
    if len(models) > MOST_MODELS:
        rows.append((f"and {len(models) - MOST_MODELS} more, see /models", "", ""))
    width = max(len(name) for name, _, _ in rows)
    lines = [f"  {name:{width}}  {what}; {how}".rstrip("; ") for name, what, how in rows]
    opened = [_openable(url) for url in urls]
    return "\n".join(
        [
            f"stateserve {__version__} serves",
            *lines,
            *(f"  page  {url}" for url in opened),
            *(f"  API   {url}/docs" for url in opened if not url.startswith("unix:")),
            "Ctrl-C stops it",
            "",
        ]
    )


def _roles(default: AnyModel, targets: Sequence[Target], model: AnyModel) -> list[str]:
    return ["the default"] * (model is default) + [
        f"{each.kind} for {'all' if each.share == 1 else f'{each.share:g} of the'} requests"
        for each in targets
        if (each.name, each.version) == (model.name, model.version)
    ]


def _row(model: AnyModel, roles: list[str]) -> tuple[str, str, str]:
    signature = model.signature
    inputs = ", ".join(map(_of_input, signature.inputs))
    outputs = _of_outputs(signature.outputs, _target(model))
    name = f"{model.name} {model.version}"
    return name, f"{inputs} -> {outputs}", ", ".join([model.backend_name, *roles])


def _of_input(given: Input) -> str:
    if given.features:
        return _counted(len(given.features), "feature")
    ids = given.tokens is not None and "int" in given.dtype
    kind = "picture" if given.image else "token ids" if ids else given.dtype
    return f"{given.name}: {kind} {_sides(given.row_shape) or 'number'}"


def _of_outputs(outputs: Sequence[Output], target: str | None) -> str:
    """`target` is the name of a trained table's column, whose interval belongs to it."""
    interval = [each for each in outputs if target and each.name == "interval"]
    others = [each for each in outputs if each not in interval]
    names = [target] if target and len(others) == 1 else [each.name for each in others]
    alone = len(others) == 1 and target is None
    texts = [_of_output(each, name, alone) for each, name in zip(others, names, strict=True)]
    return ", ".join(texts) + (" with an interval" if interval else "")


def _of_output(output: Output, name: str, alone: bool) -> str:
    if output.classifies:
        classes = _counted(output.shape[1], "class", "es")
        return classes if alone else f"{name}: {classes}"
    sides = _sides(output.row_shape)
    unit = f" in {output.unit}" if output.unit else ""
    return f"{name}: {f'{output.dtype} {sides}' if sides else 'a number'}{unit}"


def _target(model: AnyModel) -> str | None:
    table = model.card.table if isinstance(model.card, ModelCard) else None
    return table.target if table else None


def _sides(shape: Sequence[int]) -> str:
    return "x".join("?" if side < 0 else str(side) for side in shape)


def _counted(number: int, thing: str, plural: str = "s") -> str:
    return f"{number} {thing}{plural if number != 1 else ''}"


def _openable(url: str) -> str:
    """An address that a browser opens, instead of that of all interfaces."""
    for every, local in WILDCARDS.items():
        url = url.replace(every, local)
    return url
