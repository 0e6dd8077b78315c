"""The dtypes of tensors, by the names that torch, NumPy and ml_dtypes share: float32, bfloat16."""

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
DType = np.dtype[np.generic]
_NUMPY = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
_ML_DTYPES = (
    *("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    "float8_e8m0fnu",
)
# The dtypes whose values are read. A tensor of any other dtype is listed by its name.
DTYPES: dict[str, DType] = {
    **{name: np.dtype(name) for name in _NUMPY},
    **{name: np.dtype(getattr(ml_dtypes, name)) for name in _ML_DTYPES},
}
# A state_dict of other dtypes is not served.
PLAIN = frozenset(DTYPES) - {"complex64", "complex128", "float8_e8m0fnu"}
