"""No change of an archive leads to anything but a CheckpointError, or a module that is one."""

import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stateserve.errors import CheckpointError
from stateserve.model.architectures.exported_program import read_program
from tests.programs import CONSTANTS, PROGRAM, WEIGHTS, entries, packed, small_archive

ODD = [
    None, True, -1, 0, 2**63, 10**30, 1.5, "", "x", "Infinity", "__import__('os').mkdir('ran')",
    "../../etc/passwd", "x=print()", "torch.ops.aten.from_file.default", "\ud800", "\n", [], {},
    {"as_int": 5}, {"as_tensor": {"name": "x"}}, {"as_custom_obj": {"name": "x"}},
    {"as_graph": {}}, [1, {"type": "builtins.dict", "context": "{}", "children_spec": []}],
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each container of a document with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@st.composite
def edited(draw: st.DrawFn) -> bytes:
    """The archive with a few values of its documents replaced, removed, repeated or renamed."""
    parts = entries(small_archive())
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from([PROGRAM, PROGRAM, WEIGHTS, CONSTANTS]))
        document = json.loads(parts[name])
        found = list(places(document))
        if not found:
            continue
        container, key = draw(st.sampled_from(found))
        action = draw(st.sampled_from(["replace", "remove", "repeat", "rename", "other"]))
        if action == "remove":
            del container[key]
        elif action == "repeat" and isinstance(container, list):
            container.append(container[key])
        elif action == "rename" and isinstance(container, dict):
            container[draw(st.sampled_from(["x", "name", "as_int", "a.b"]))] = container.pop(key)
        elif action == "other":
            other, place = draw(st.sampled_from(found))
            container[key] = json.loads(json.dumps(other[place]))
        else:
            container[key] = draw(st.sampled_from(ODD) | st.text(max_size=9) | st.integers())
        parts[name] = json.dumps(document).encode()
    return packed(parts)


@st.composite
def flipped(draw: st.DrawFn) -> bytes:
    content = bytearray(small_archive())
    for _ in range(draw(st.integers(1, 8))):
        content[draw(st.integers(0, len(content) - 1))] ^= draw(st.integers(1, 255))
    return bytes(content[: draw(st.sampled_from([len(content), len(content) // 2]))])


@given(edited() | flipped())
def test_a_changed_archive_is_read_or_refused_in_one_line(content: bytes) -> None:
    refused: CheckpointError | None = None
    try:
        read_program(content, "changed.pt2")
    except CheckpointError as error:
        refused = error
    assert refused is None or re.fullmatch(r"changed\.pt2: .*", str(refused))
