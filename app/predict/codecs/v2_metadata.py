"""The Open Inference Protocol's descriptions of the server and its models, for HTTP and gRPC."""

from dataclasses import asdict
from typing import Self

from pydantic import BaseModel

from app import __version__
from app.predict.codecs.v2_model import PLATFORM, TensorInfo, V2Description
from app.predict.codecs.v2_tensor_data import BYTES

SERVER = "stateserve"
EXTENSIONS = [
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "statistics",
]


class ServerMetadata(BaseModel):
    name: str = SERVER
    version: str = __version__
    extensions: list[str] = EXTENSIONS


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str = PLATFORM
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]

    @classmethod
    def of(cls, model: V2Description, versions: list[str]) -> Self:
        """The metadata of a model; `versions` are the ready ones."""
        inputs, outputs = (
            [TensorMetadata(**asdict(info)) for info in infos]
            for infos in (model.inputs, model.outputs)
        )
        return cls(name=model.name, versions=versions, inputs=inputs, outputs=outputs)


class TensorConfig(BaseModel):
    name: str
    data_type: str
    dims: list[int]


class ModelConfig(BaseModel):
    """The fields of Triton's model configuration that apply here."""

    name: str
    platform: str = PLATFORM
    backend: str = "pytorch"
    max_batch_size: int
    input: list[TensorConfig]
    output: list[TensorConfig]

    @classmethod
    def of(cls, model: V2Description, most_rows: int) -> Self:
        inputs, outputs = (list(map(_config, infos)) for infos in (model.inputs, model.outputs))
        return cls(name=model.name, max_batch_size=most_rows, input=inputs, output=outputs)


def _config(info: TensorInfo) -> TensorConfig:
    # Triton's name for BYTES is STRING, and its dims exclude the batch.
    data_type = "STRING" if info.datatype == BYTES else info.datatype
    return TensorConfig(name=info.name, data_type=f"TYPE_{data_type}", dims=info.shape[1:] or [1])
