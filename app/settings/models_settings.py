"""The settings of what is served. The docstring of each class is the heading of its options."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.settings.rollout_target import Kind, Target
from app.settings.version_policy import VersionPolicy

# Part of the installation, also where the folder models/ of this repository is not.
# In a checkout it is a link to models/iris-model.pth.
DEMO = (Path(__file__).parents[1] / "demo" / "iris-model.pth").resolve()


def _require_policy(text: str) -> str:
    VersionPolicy.parse(text)
    return text


def _require_target(kind: Kind, text: str) -> str:
    Target.parse(kind, text)
    return text


class ServedModels(BaseModel):
    """Models"""

    model: Path = Field(
        default=Path("models/iris-model.pth"),
        description="checkpoint, whose card is the file .json of the same name, or folder of a "
        "packed model",
    )
    models: Path | None = Field(
        default=None,
        description="folder of models, NAME.pth or NAME/VERSION/; all are served, and of several "
        "the setting model names the default one",
    )
    version_policy: Annotated[str, AfterValidator(_require_policy)] = Field(
        default="latest", description="versions to serve: latest, latest:N, all, or such as 1,3"
    )
    canary: Annotated[str, AfterValidator(partial(_require_target, "canary"))] | None = Field(
        default=None,
        description="NAME:VERSION=SHARE: a version that answers a share of the default's requests",
    )
    shadow: Annotated[str, AfterValidator(partial(_require_target, "shadow"))] | None = Field(
        default=None,
        description="NAME:VERSION or NAME:VERSION=SHARE: a version that predicts on the default's "
        "requests, too, and is compared with it",
    )
    state_key: str | None = Field(
        default=None,
        min_length=1,
        description="place of the state in a checkpoint that holds more, such as "
        "model_state_dict; only with the setting model",
    )
    hot_reload: bool = Field(
        default=True, description="load files that change while the service runs"
    )
    allow_code: bool = Field(
        default=False,
        description="run the Python files that model cards name; without it, such models are "
        "refused",
    )
    demo: bool = Field(
        default=False, description="serve the iris model that is part of the installation"
    )


class Execution(BaseModel):
    """Running a model"""

    backend: Literal["auto", "eager", "onnxruntime"] = Field(
        default="auto",
        description="program that runs the model: eager PyTorch, or ONNX Runtime for a model that "
        "was packed with --onnx; auto takes ONNX Runtime where both are there",
    )
    device: str = Field(
        default="cpu", min_length=1, description="device of the model: cpu, cuda, cuda:N or mps"
    )
    threads: int = Field(
        default=1, ge=1, le=1024, description="threads of one forward pass, in each worker process"
    )


class BareModel(BaseModel):
    """A model without a card"""

    # Otherwise the mypy plugin gives __init__ a parameter **kwargs, the name of a field.
    model_config = ConfigDict(extra="forbid")

    code: str | None = Field(
        default=None,
        min_length=1,
        description="code of a model without a card, FILE.py:CLASS, which is run, or FILE.pt2 of "
        "torch.export",
    )
    kwargs: str | None = Field(
        default=None, description='arguments of the class, as JSON: {"n_classes": 10}'
    )
    example: Path | None = Field(
        default=None,
        description="example of the inputs of a model without a card, .npy, .npz or .safetensors",
    )
    classes: str | None = Field(
        default=None,
        min_length=1,
        description="classes of a model without a card: names separated by commas, a file with a "
        "name on each line, or JSON, also in a file .json",
    )
    image: str | None = Field(
        default=None,
        description="how a picture becomes an input of a model without a card, as JSON: "
        '{"mode": "L", "resize": [28, 28]}',
    )
    tokens: str | None = Field(
        default=None,
        description='input of token ids of a model without a card, as JSON: {"vocabulary": 1000}',
    )
    features: str | None = Field(
        default=None,
        min_length=1,
        description='columns of the input of a model without a card: "length (cm),width (cm)"',
    )
    units: str | None = Field(
        default=None,
        min_length=1,
        description="unit of the output of a model without a card, or NAME=UNIT,...",
    )
    dynamic: str | None = Field(
        default=None,
        min_length=1,
        description="axes of any length of a model without a card, besides the batch: INPUT:AXIS,"
        "...",
    )
    strip_prefix: str | None = Field(
        default=None,
        min_length=1,
        description="prefix to take off the names of the state, such as module.",
    )
