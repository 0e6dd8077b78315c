"""The functions that pickles of torch call to rebuild tensors, as makers of LazyTensors.

Source: torch/_utils.py and torch/storage.py.
"""

from collections.abc import Mapping, Sequence

from stateserve.checkpoint.dtypes import DTYPES
from stateserve.checkpoint.pickles.arrays import NUMPY_CALLS, PickledArray
from stateserve.checkpoint.pickles.objects import Blob, Call, Global, Opaque
from stateserve.checkpoint.sources import Memory, Source
from stateserve.checkpoint.storage import Storage
from stateserve.checkpoint.tensors import LazyTensor

STORAGE_DTYPES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "UntypedStorage": "uint8",
}
# The place of the values among the parts of a sparse tensor, behind one index or two.
SPARSE = {
    "torch.sparse_coo": 1,
    **dict.fromkeys([f"torch.sparse_{kind}" for kind in ("csr", "csc", "bsr", "bsc")], 2),
}
WIDTHS = {"qint8": 1, "quint8": 1, "qint32": 4}


def storage_dtype(kind: object) -> str:
    """The dtype of a storage class such as torch.FloatStorage. Raises ValueError."""
    # Before torch 0.4, and in TorchScript, the classes were in other modules.
    name = kind.name.rpartition(".")[2] if isinstance(kind, Global) else ""
    if name not in STORAGE_DTYPES:
        raise ValueError("a storage of an unknown type")
    return STORAGE_DTYPES[name]


def rebuild(
    storage: object,
    offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: object = False,
    hooks: object = None,
    dtype: object = None,
    metadata: object = None,
) -> LazyTensor:
    """torch._utils._rebuild_tensor, _v2 and _v3."""
    del requires_grad, hooks
    if not isinstance(storage, Storage) or storage.dtype is None:
        raise ValueError("a tensor without a storage")
    if type(size) not in (tuple, list) or type(stride) not in (tuple, list):
        raise ValueError("a tensor without a shape")
    # The seventh argument of _v2 is metadata, that of _v3 the dtype.
    name = dtype.name.removeprefix("torch.") if isinstance(dtype, Global) else storage.dtype
    return LazyTensor(storage, f"{_unresolved(dtype, metadata)}{name}", size, stride, offset)


def _unresolved(*metadata: object) -> str:
    """The word before the dtype of a tensor whose bytes are those before conj() or a negation."""
    bits = [
        bit for each in metadata if type(each) is dict for bit in ("conj", "neg") if each.get(bit)
    ]
    return "".join(f"{bit} " for bit in bits)


def _rebuild_quantised(
    storage: object, offset: int, size: Sequence[int], stride: Sequence[int], *_: object
) -> LazyTensor:
    """torch._utils._rebuild_qtensor: a tensor of integers, of which the scale is not read."""
    return rebuild(storage, offset, size, stride)


def _rebuild_sparse(layout: object, parts: object) -> LazyTensor:
    """A sparse tensor is listed; its dtype is such as "sparse_coo float32", its bytes are those
    of the values that it has."""
    name = layout.arguments[0] if isinstance(layout, Opaque) and layout.arguments else None
    if type(name) is not str or name not in SPARSE or type(parts) is not tuple:
        raise ValueError("a sparse tensor without its parts")
    values, size = parts[SPARSE[name] : SPARSE[name] + 2]
    if not isinstance(values, LazyTensor) or type(size) not in (tuple, list):
        raise ValueError("a sparse tensor without values or a shape")
    return LazyTensor(values.storage, f"{name.removeprefix('torch.')} {values.dtype}", size)


def _rebuild_meta(dtype: object, size: Sequence[int], *_: object) -> LazyTensor:
    """A tensor on the device "meta": a shape and a dtype without values."""
    if not isinstance(dtype, Global) or type(size) not in (tuple, list):
        raise ValueError("a tensor without a dtype or a shape")
    name = dtype.name.removeprefix("torch.")
    return LazyTensor(Storage(Memory(b"")), f"meta {name if name in DTYPES else 'unknown'}", size)


def _rebuild_parameter(data: object, *_: object) -> object:
    return data


def _rebuild_from_type(function: object, kind: object, arguments: object, state: object) -> object:
    """A tensor with attributes, or of a subclass."""
    if isinstance(function, Global) and function.name in REBUILD and type(arguments) is tuple:
        return REBUILD[function.name](*arguments)
    return Opaque(kind.name if isinstance(kind, Global) else "torch.Tensor", (arguments,), state)


def _rebuild_from_numpy(data: object, *_: object) -> object:
    if not isinstance(data, PickledArray):
        raise ValueError("a tensor without an array")
    return data


def _as_tuple(values: Sequence[object] = ()) -> object:
    if type(values) not in (tuple, list):
        raise ValueError("not a size")
    return tuple(values)


def _as_dict(*arguments: object) -> object:
    """An OrderedDict, a defaultdict with its factory, or a Counter; of pairs, or empty."""
    source = arguments[-1] if arguments else {}
    if isinstance(source, Global) or source is None:
        return {}
    if type(source) is dict:
        return dict(source)
    if type(source) is not list or not all(
        type(pair) in (list, tuple) and len(pair) == 2 and type(pair[0]) in (str, int)
        for pair in source
    ):
        raise ValueError("a dict of what are no pairs")
    return dict(source)


def _parameter(data: object = None, *_: object) -> object:
    return data if isinstance(data, LazyTensor) else Opaque("torch.nn.parameter.Parameter", (data,))


REBUILD: dict[str, Call] = {
    "torch._utils._rebuild_tensor": rebuild,
    "torch._utils._rebuild_tensor_v2": rebuild,
    "torch._utils._rebuild_tensor_v3": rebuild,
    "torch._utils._rebuild_parameter": _rebuild_parameter,
    "torch._utils._rebuild_parameter_with_state": _rebuild_parameter,
    "torch._utils._rebuild_device_tensor_from_numpy": _rebuild_from_numpy,
    "torch._utils._rebuild_qtensor": _rebuild_quantised,
    "torch._utils._rebuild_sparse_tensor": _rebuild_sparse,
    "torch._utils._rebuild_sparse_csr_tensor": _rebuild_sparse,
    "torch._utils._rebuild_meta_tensor_no_storage": _rebuild_meta,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.nn.parameter.Buffer": _parameter,
}
CALLS: Mapping[str, Call] = {
    **REBUILD,
    **NUMPY_CALLS,
    "torch._tensor._rebuild_from_type_v2": _rebuild_from_type,
    "torch.Size": _as_tuple,
    "collections.OrderedDict": _as_dict,
    "collections.defaultdict": _as_dict,
    "collections.Counter": _as_dict,
}


def as_source(content: object) -> Source:
    """The bytes of a pickle. Raises ValueError for any other value."""
    if isinstance(content, Blob):
        return content.source
    if isinstance(content, bytes):
        return Memory(content)
    raise ValueError("bytes that are none")
