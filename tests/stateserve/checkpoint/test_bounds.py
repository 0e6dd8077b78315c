"""Small hostile files: each is refused in one line, or read in little time and memory.

Most would take hours, so that a test that ends shows the bound; none depends on a clock.
"""

import io
import json
import struct

import numpy as np
import pytest

from stateserve.checkpoint.content import walk
from stateserve.checkpoint.description import describe
from stateserve.checkpoint.found_states import find_states
from stateserve.checkpoint.readers.formats import read_content
from stateserve.checkpoint.readers.safetensors_file import decode_safetensors
from stateserve.checkpoint.sources import File, Memory
from stateserve.errors import CheckpointError, UnreadableCheckpoint
from tests.memory import MIB, peak_growth

LONG = [2**62] * 20_000 + [0]
EMPTY = [0, 2**62, 2**62]
# A tuple whose text, product and hash take 2**40 steps.
DAG = b")" + b"2\x86" * 40


def no_files(name: str) -> File:
    raise UnreadableCheckpoint(name)


def read(content: bytes) -> object:
    """Look at all that the file has. Returns its tree."""
    root = read_content(Memory(content), no_files).root
    for node in walk(root):
        describe(node.value)
    find_states(root)
    return root


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def named(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def pickled(value: bytes) -> bytes:
    """A pickle of {"a": value}."""
    return b"\x80\x02}" + text("a") + value + b"s."


def numbers(values: list[int]) -> bytes:
    return b"(" + b"".join(b"\x8a\x09" + each.to_bytes(9, "little") for each in values) + b"t"


def dtype(name: bytes) -> bytes:
    return named("numpy", "dtype") + name + b"\x85R"


def array(shape: bytes, kind: bytes, content: bytes) -> bytes:
    made = named("numpy.core.multiarray", "_reconstruct") + b")R"
    return made + b"(K\x01" + shape + kind + b"\x89" + content + b"tb"


PAIR = array(b"K\x02\x85", dtype(text("f4")), b"C\x08" + bytes(8))


def safetensors(shape: list[int]) -> bytes:
    header = {"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded


def npy(shape: list[int]) -> bytes:
    written = io.BytesIO()
    fields = {"shape": tuple(shape), "fortran_order": True, "descr": "<f4"}
    np.lib.format.write_array_header_2_0(written, fields)
    return written.getvalue()


def sparse(layout: bytes) -> bytes:
    made = named("torch.serialization", "_get_layout") + layout + b"\x85R"
    return named("torch._utils", "_rebuild_sparse_tensor") + made + b")\x86R"


def meta(shape: bytes) -> bytes:
    made = named("torch._utils", "_rebuild_meta_tensor_no_storage")
    return made + named("torch", "float32") + shape + b"\x86R"


OBJECTS = dtype(text("O8"))
AXES, ELEMENTS = "more than 64 axes", r"more than 2\*\*59 elements"
NUMBER = r"a number below 0 or above 2\*\*63"
REFUSED = {
    "a header of thousands of axes": (safetensors(LONG), f"'a' is .*{AXES}"),
    "a header of an empty tensor of huge axes": (safetensors(EMPTY), f"'a' is .*{ELEMENTS}"),
    "an array of thousands of axes": (npy([2**62] * 400 + [0]), AXES),
    "an empty array of huge axes": (npy(EMPTY), ELEMENTS),
    "a pickled array of many axes": (
        pickled(array(numbers(LONG), dtype(text("f4")), b"C\x00")),
        AXES,
    ),
    "a pickled array of objects of many axes": (
        pickled(array(numbers(LONG), OBJECTS, b"]")),
        AXES,
    ),
    "a meta tensor of many axes": (pickled(meta(numbers(LONG))), AXES),
    "a shape of nested tuples": (pickled(array(DAG, OBJECTS, b"]")), NUMBER),
    "a shape with a text": (pickled(array(b"(K\x09" + text("a") + b"t", OBJECTS, b"]")), NUMBER),
    "a meta tensor of nested tuples": (pickled(meta(DAG)), NUMBER),
    "a layout of nested tuples": (pickled(sparse(DAG)), "a sparse tensor without"),
    "a scalar with a shape": (
        pickled(
            named("numpy.core.multiarray", "scalar")
            + dtype(text("f4")) + b"C\x04abcd\x86R(K\x01K\x02\x85" + dtype(text("f4"))
            + b"\x89C\x08abcdefghtb"
        ),
        "a scalar with the parts of an array",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_small_hostile_file_is_refused_in_one_line(case: str) -> None:
    content, reason = REFUSED[case]

    def look() -> None:
        with pytest.raises(UnreadableCheckpoint, match=reason) as caught:
            read(content)
        assert "\n" not in str(caught.value)

    assert peak_growth(look) < 16 * MIB


def test_a_request_of_thousands_of_axes_is_refused() -> None:
    with pytest.raises(CheckpointError, match=AXES):
        decode_safetensors(safetensors(LONG))


@pytest.mark.filterwarnings("error")
def test_a_header_of_other_python_text_warns_of_nothing() -> None:
    old = npy([3]).replace(b"(3,)", b"(3L,)").replace(b" \n", b"\n") + bytes(12)
    assert read(old)
    with pytest.raises(UnreadableCheckpoint, match=r"not a whole \.npy file"):
        read(npy([3]).replace(b"(3,)", b"1if 1else 2"))


def test_a_dtype_of_nested_tuples_is_listed_as_unknown() -> None:
    root = read(pickled(array(b"K\x01\x85", dtype(DAG), b"C\x04abcd")))
    assert isinstance(root, dict)
    assert describe(root["a"]) == "an array of 'an unknown dtype' [1]"


N = 10_000
# A list that is at many places, and each use of it.
SHARED = b"](" + b"K\x01" * N + b"eq\x00"
AGAIN = b"h\x00"
TEXTS = named("builtins", "set") + b"](" + b"".join(text(f"x{at}") for at in range(N)) + b"e\x85R"


def module(buffers: bytes, omitted: bytes) -> bytes:
    parts = text("_buffers") + buffers + text("_non_persistent_buffers_set") + omitted
    return named("shop", "Net") + b")\x81}(" + parts + b"ub"


BUFFERS = b"}(" + b"".join(text(f"b{at}") + b"h\x05" for at in range(N)) + b"u"
STATE = text("state") + b"}" + text("m") + PAIR + b"s"
GROUPS = text("param_groups") + b"](" + (b"}" + text("params") + AGAIN + b"s") * N + b"e"
WAITING = {
    "a list of the same list": b"](" + SHARED + AGAIN * N + b"e",
    "objects of the same arguments": b"(" + b"K\x01" * N + b"tq\x000"
    + b"](" + (named("shop", "Item") + b"h\x00\x81") * N + b"e",
    "objects of the same state": SHARED + b"0"
    + b"](" + (named("shop", "Item") + b")\x81h\x00b") * N + b"e",
    "groups of the same parameters": SHARED + b"0}(" + STATE + GROUPS + b"u",
    "a module that omits most of its buffers": PAIR + b"q\x050" + module(BUFFERS, TEXTS),
    "numbers that hash alike": b"}("
    + b"".join(
        b"\x8a\x0b" + (at * (2**61 - 1)).to_bytes(11, "little") + b"N" for at in range(N)
    )
    + b"u",
}  # fmt: skip


@pytest.mark.parametrize("case", WAITING)
def test_a_part_that_is_at_many_places_is_listed_once(case: str) -> None:
    content = pickled(WAITING[case])
    # Each would take N * N steps.
    assert peak_growth(lambda: read(content)) < 4 * len(content) + 64 * MIB


FAR_TOO_MANY = {
    "modules that share what they omit": (
        TEXTS + b"q\x000](" + module(b"}" + text("b") + PAIR + b"s", AGAIN) * 1000 + b"e",
        "far too often",
    ),
    "copies of a text": (
        text("x" * MIB) + b"q\x000"
        + b"](" + (named("_codecs", "encode") + b"h\x00" + text("latin1") + b"\x86R") * 500 + b"e",
        "far more values than bytes",
    ),
    "arrays of one text": (
        text("x" * MIB) + b"q\x000"
        + b"](" + array(b"J\x00\x00\x10\x00\x85", dtype(text("u1")), AGAIN) * 500 + b"e",
        "far more values than bytes",
    ),
    "dicts of one list": (
        b"](" + b"K\x01K\x02\x86" * N + b"eq\x00\x85q\x010]("
        + (named("collections", "OrderedDict") + b"h\x01R") * N + b"e",
        "far more values than bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAR_TOO_MANY)
def test_parts_that_are_copied_far_too_often_are_refused(case: str) -> None:
    content, reason = FAR_TOO_MANY[case]

    def look() -> None:
        with pytest.raises(UnreadableCheckpoint, match=reason):
            read(pickled(content))

    assert peak_growth(look) < 128 * MIB
