"""The settings that bring the code of a model: what loading gets, and the files to watch."""

import json
from pathlib import Path

from app.errors import SettingsError
from app.settings import Settings, variable
from stateserve.model import (
    PROGRAM_SUFFIX,
    BackendChoice,
    Hints,
    LoadOptions,
    parse_classes,
)

ONLY_WITH_CODE = ("kwargs", "example", "classes", "strip_prefix")


def load_options(settings: Settings) -> LoadOptions:
    """Raises SettingsError or CheckpointError."""
    code = settings.code
    if code is not None and settings.models is not None:
        raise SettingsError(
            f"setting {variable('code')}: it is for a single model, and {variable('models')} is "
            "set; models in a folder have a card that names their code (stateserve pack)"
        )
    if settings.backend == "onnxruntime" and settings.device != "cpu":
        raise SettingsError(
            f"setting {variable('device')}: ONNX Runtime runs on cpu alone; for {settings.device} "
            f"set {variable('backend')} to eager"
        )
    given = [name for name in ONLY_WITH_CODE if getattr(settings, name) is not None]
    if given and code is None and settings.model.suffix != PROGRAM_SUFFIX:
        raise SettingsError(f"setting {variable(given[0])}: it needs {variable('code')}")
    return LoadOptions(
        code=code,
        kwargs=json.loads(settings.kwargs) if settings.kwargs else {},
        example=settings.example,
        hints=Hints(classes=parse_classes(settings.classes) if settings.classes else None),
        allow_code=settings.allow_code,
        strip_prefix=settings.strip_prefix or "",
        backend=BackendChoice(settings.backend, settings.device, settings.threads),
    )


def named_files(settings: Settings) -> list[Path]:
    """The files that the settings name for the model, besides its checkpoint and card."""
    code = settings.code.partition(":")[0] if settings.code else None
    return [Path(each) for each in (code, settings.example, settings.classes) if each]
