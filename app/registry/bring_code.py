"""The settings that bring the code of a model: what loading gets, and the files to watch."""

from pathlib import Path

from app.errors import SettingsError
from app.option_values import IMAGE, KWARGS, TOKENS, axes, json_object, names, pairs
from app.predict.pictures import example_picture
from app.settings import Settings, both_names
from stateserve.model import (
    ONNX_ALONE,
    ONNX_SUFFIX,
    PROGRAM_SUFFIX,
    BackendChoice,
    Hints,
    LoadOptions,
    classes_file,
    hints_of,
    parse_classes,
)

HINTS = ("classes", "image", "tokens", "features", "units", "dynamic")
ONLY_WITH_CODE = ("kwargs", "example", "strip_prefix", *HINTS)


def load_options(settings: Settings) -> LoadOptions:
    """Raises SettingsError or CheckpointError."""
    code = settings.code
    if code is not None and settings.models is not None:
        raise SettingsError(
            f"{both_names('code')}: it is for a single model, and {both_names('models')} is "
            "set; models in a folder have a card that names their code (stateserve pack)"
        )
    if code is not None and code.endswith(ONNX_SUFFIX):
        raise SettingsError(f"{both_names('code')}: {code} is {ONNX_ALONE}")
    if settings.state_key is not None and "model" not in settings.model_fields_set:
        raise SettingsError(f"{both_names('state_key')}: it needs --model FILE")
    if code is not None and "model" not in settings.model_fields_set:
        raise SettingsError(
            f"{both_names('model')}: {code} needs its state; name the checkpoint, --model FILE"
        )
    if settings.backend == "onnxruntime" and settings.device != "cpu":
        raise SettingsError(
            f"{both_names('device')}: ONNX Runtime runs on cpu alone; for {settings.device} "
            f"set {both_names('backend')} to eager"
        )
    given = [name for name in ONLY_WITH_CODE if getattr(settings, name) is not None]
    if given and code is None and settings.model.suffix != PROGRAM_SUFFIX:
        raise SettingsError(f"{both_names(given[0])}: it needs {both_names('code')}")
    hints = _hints(settings)
    return LoadOptions(
        code=code,
        kwargs=json_object(both_names("kwargs"), settings.kwargs, KWARGS) or {},
        example=example_picture(settings.example, hints) if settings.example else None,
        hints=hints,
        allow_code=settings.allow_code,
        strip_prefix=settings.strip_prefix or "",
        key=settings.state_key,
        backend=BackendChoice(settings.backend, settings.device, settings.threads),
    )


def _hints(settings: Settings) -> Hints:
    return hints_of(
        classes=parse_classes(settings.classes) if settings.classes else None,
        image=json_object(both_names("image"), settings.image, IMAGE),
        tokens=json_object(both_names("tokens"), settings.tokens, TOKENS),
        features=names(both_names("features"), settings.features) if settings.features else None,
        units=pairs(both_names("units"), settings.units),
        dynamic=axes(both_names("dynamic"), settings.dynamic),
    )


def named_files(settings: Settings) -> list[Path]:
    """The files that the settings name for the model, besides its checkpoint and card."""
    code = settings.code.partition(":")[0] if settings.code else None
    classes = classes_file(settings.classes) if settings.classes else None
    return [Path(each) for each in (code, settings.example, classes) if each]
