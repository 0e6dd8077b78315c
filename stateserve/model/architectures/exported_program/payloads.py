"""Tensors of the archive: raw bytes with a dtype, sizes, strides and an offset, on the CPU."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stateserve.errors import UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.model.architectures.exported_program.archive import Archive
from stateserve.model.architectures.exported_program.json_value import Value

MAX_AXES = 64
MAX_ELEMENTS = 2**48
# Source: torch._export.serde.schema.ScalarType, Layout.
DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    9: torch.complex32,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
    28: torch.uint16,
    29: torch.float8_e4m3fn,
    30: torch.float8_e5m2,
    31: torch.float8_e4m3fnuz,
    32: torch.float8_e5m2fnuz,
    33: torch.float8_e8m0fnu,
    34: torch.uint32,
    35: torch.uint64,
}
STRIDED = 7
# A program that was exported on one of these runs on the CPU, too.
DEVICES = "cpu|cuda|mps|xpu"
TENSOR_FIELDS = ["dtype", "sizes", "requires_grad", "device", "strides", "storage_offset", "layout"]
NAME = r"[^.\x00-\x1f\x7f]+(\.[^.\x00-\x1f\x7f]+)*"


@dataclass(frozen=True)
class TensorMeta:
    """dtype and, still as JSON, sizes, strides and offset: integers, or expressions in a graph."""

    dtype: torch.dtype
    requires_grad: bool
    sizes: list[Value]
    strides: list[Value]
    offset: Value


def read_meta(value: Value) -> TensorMeta:
    fields = value.record(*TENSOR_FIELDS)
    read_device(fields["device"])
    if fields["layout"].integer() != STRIDED:
        raise fields["layout"].refused(f"{STRIDED}, a dense tensor; sparse ones are not served")
    sizes = fields["sizes"].items()
    if len(sizes) > MAX_AXES:
        raise UnreadableCheckpoint(f"{value.place} has {len(sizes)} axes; at most {MAX_AXES}")
    return TensorMeta(
        read_dtype(fields["dtype"]),
        fields["requires_grad"].boolean(),
        sizes,
        fields["strides"].items(),
        fields["storage_offset"],
    )


def read_dtype(value: Value) -> torch.dtype:
    if (code := value.integer()) not in DTYPES:
        raise value.refused("a dtype of torch 2.13")
    return DTYPES[code]


def read_device(value: Value) -> None:
    fields = value.record("type", optional=["index"])
    fields["type"].text(DEVICES)
    if "index" in fields:
        fields["index"].integer(0, 1000)


def read_payloads(archive: Archive, config: str, form: str) -> dict[str, Tensor]:
    """The tensors that a configuration names, its entries of the form `form`.

    A parameter is an nn.Parameter. Tensors of one entry share memory, as they did in the program.
    Raises UnsafeCheckpoint for pickles, UnreadableCheckpoint for what the bytes do not hold.
    """
    document = Value.parse(archive.read(config), config).record("config")["config"]
    folder = config.rpartition("/")[0]
    storages: dict[str, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    made: dict[tuple[object, ...], Tensor] = {}
    of_bools: set[str] = set()
    for name, value in document.mapping().items():
        Value(name, "a name", document).text(NAME)
        fields = value.record("path_name", "is_param", "use_pickle", optional=["tensor_meta"])
        path = fields["path_name"].text(r"\w+")
        if (
            fields["use_pickle"].boolean()
            or not path.startswith(form)
            or "tensor_meta" not in fields
        ):
            raise UnsafeCheckpoint(f"{value.place} is a pickle; accepted are raw tensors")
        if path not in storages:
            storages[path] = _read_storage(archive, f"{folder}/{path}")
        meta = read_meta(fields["tensor_meta"])
        if meta.dtype == torch.bool and path not in of_bools:
            # Once, since many tensors may have the same bytes.
            _require_bools(storages[path], value)
            of_bools.add(path)
        shape, strides, offset = (
            _integers(meta.sizes),
            _integers(meta.strides),
            _integer(meta.offset),
        )
        # Tied parameters are one object, so that moving or training one moves the other.
        key = path, meta.dtype, *shape, None, *strides, offset, fields["is_param"].boolean()
        if key not in made:
            tensor = _view(storages[path], meta.dtype, shape, strides, offset, value)
            made[key] = _parameter(tensor, meta, value) if fields["is_param"].value else tensor
        tensors[name] = made[key]
    return tensors


def _read_storage(archive: Archive, name: str) -> Tensor:
    # Memory of torch is aligned; some kernels round differently over other memory.
    data = torch.empty(archive.size(name), dtype=torch.uint8)
    archive.read_into(name, data.numpy().data)
    return data


def _integer(value: Value) -> int:
    return value.record("as_int")["as_int"].integer(0)


def _integers(values: list[Value]) -> list[int]:
    return [_integer(each) for each in values]


def _view(
    storage: Tensor,
    dtype: torch.dtype,
    shape: list[int],
    strides: list[int],
    offset: int,
    at: Value,
) -> Tensor:
    if len(strides) != len(shape) or len(storage) % dtype.itemsize:
        raise UnreadableCheckpoint(f"{at.place}: {len(storage)} bytes are not {shape} of {dtype}")
    count, held = math.prod(shape), len(storage) // dtype.itemsize
    if math.prod(max(length, 1) for length in shape) > MAX_ELEMENTS:
        raise UnreadableCheckpoint(f"{at.place}: {shape!s:.100} has too many elements")
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    if count > held or (count and last >= held):
        raise UnreadableCheckpoint(
            f"{at.place}: the tensor claims {count} elements at {offset}; its bytes hold {held}"
        )
    return storage.view(dtype).as_strided(shape, strides, offset)


def _require_bools(storage: Tensor, at: Value) -> None:
    if len(storage) and int(storage.max()) > 1:
        raise UnreadableCheckpoint(f"{at.place}: a bool that is neither 0 nor 1")


def _parameter(tensor: Tensor, meta: TensorMeta, at: Value) -> nn.Parameter:
    if meta.requires_grad and not (tensor.is_floating_point() or tensor.is_complex()):
        raise UnreadableCheckpoint(f"{at.place}: a {tensor.dtype} cannot require a gradient")
    return nn.Parameter(tensor, requires_grad=meta.requires_grad)
