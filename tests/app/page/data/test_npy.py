"""The page's npy format against NumPy."""

import base64
import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from playwright.sync_api import Page

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    values=npst.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=FLOATS)
)
def test_npy_is_written_as_numpy_reads_it(modules: Page, values: np.ndarray) -> None:
    script = """async ([values, shape]) => {
        const { encodeNpy } = await import("/page/data/npy.js");
        return Array.from(encodeNpy(Float32Array.from(values), shape));
    }"""
    written = bytes(modules.evaluate(script, [values.flatten().tolist(), list(values.shape)]))
    found = np.load(io.BytesIO(written), allow_pickle=False)
    assert (found.dtype, found.shape) == (np.float32, values.shape)
    assert (found == values).all()


DECODE = """async (text) => {
    const { decodeNpy } = await import("/page/data/npy.js");
    const { buffer } = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    try {
        const { shape, data } = decodeNpy(buffer);
        return { shape, data: Array.from(data, String) };
    } catch (error) { return error.message; }
}"""


def decode(modules: Page, array: np.ndarray) -> dict[str, list[object]] | str:
    stream = io.BytesIO()
    np.save(stream, array)
    return modules.evaluate(DECODE, base64.b64encode(stream.getvalue()).decode())


@given(
    dtype=st.sampled_from(["<f4", "<f8", "i1", "<i2", "<i4", "<i8", "u1", "?"]),
    shape=npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    data=st.data(),
)
def test_npy_is_read_as_numpy_wrote_it(
    modules: Page, dtype: str, shape: tuple[int, ...], data: st.DataObject
) -> None:
    # A double represents these exactly, for any dtype.
    values = data.draw(npst.arrays(np.int8, shape, elements=st.integers(0, 1)))
    array = values.astype(dtype)
    if array.dtype.kind == "f":
        array /= 3
    found = decode(modules, array)
    assert isinstance(found, dict)
    assert found["shape"] == list(shape)
    assert (
        np.array(found["data"], dtype=np.float64).tolist() == array.flatten().astype(float).tolist()
    )


def test_npy_of_other_kinds_is_refused(modules: Page) -> None:
    assert "<c8" in str(decode(modules, np.zeros(2, np.complex64)))
    assert "Fortran" in str(decode(modules, np.zeros((2, 3), order="F")))
    assert "not an npy file" in modules.evaluate(DECODE, base64.b64encode(b"PNG").decode())
