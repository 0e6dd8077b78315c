"""Random tensors of the Open Inference Protocol."""

from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from app.predict.codecs.v2_tensor_data import BYTES, DTYPES, Tensor

SHAPES = npst.array_shapes(max_dims=3, max_side=4)
FINITE = {"allow_nan": False, "allow_infinity": False}
# hypothesis has no strategy for bfloat16, whose numbers are among those of float32.
BF16 = npst.arrays("f4", SHAPES, elements=st.floats(-(2.0**126), 2.0**126, width=32)).map(
    lambda array: Tensor("x", "BF16", array.astype(DTYPES["BF16"]))
)
NUMERIC = BF16 | st.sampled_from(sorted(DTYPES.keys() - {"BF16"})).flatmap(
    lambda datatype: npst.arrays(
        DTYPES[datatype], SHAPES, elements=FINITE if datatype[0] == "F" else None
    ).map(lambda array: Tensor("x", datatype, array))
)
STRINGS = st.tuples(SHAPES, st.data()).map(
    lambda drawn: Tensor(
        "x",
        BYTES,
        drawn[1].draw(
            npst.arrays(object, drawn[0], elements=st.text(max_size=5).map(lambda t: t.encode()))
        ),
    )
)
TENSORS = NUMERIC | STRINGS


def require_same(found: Tensor, wanted: Tensor) -> None:
    assert (found.name, found.datatype, found.shape) == (wanted.name, wanted.datatype, wanted.shape)
    assert found.array.dtype == wanted.array.dtype
    assert found.array.tolist() == wanted.array.tolist()
