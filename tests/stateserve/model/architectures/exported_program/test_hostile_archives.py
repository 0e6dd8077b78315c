"""Archives that run code, or read a file, where torch.export.load reads them: none does here."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from stateserve.errors import CheckpointError, UnreadableCheckpoint, UnsafeCheckpoint
from stateserve.model.architectures.exported_program import read_program
from tests.programs import (
    CONSTANTS,
    PROGRAM,
    WEIGHTS,
    entries,
    small_archive,
    with_entry,
    with_json,
)

Change = Callable[[Any], object]
ROWS = torch.ones(2, 4)


class Mark:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, (self.path,)


def code(path: Path) -> str:
    return f"__import__('os').mkdir({str(path)!r})"


def pickled(path: Path) -> bytes:
    return pickle.dumps(Mark(path))


def saved(path: Path) -> bytes:
    content = io.BytesIO()
    torch.save({"x": Mark(path)}, content)
    return content.getvalue()


def graph(document: Any) -> Any:
    return document["graph_module"]["graph"]


def changed(change: Change) -> bytes:
    return with_json(small_archive(), PROGRAM, change)


def with_payload(config: str, entry: str, payload: bytes, **fields: object) -> bytes:
    """The archive with the first tensor of a configuration in another entry."""

    def change(document: Any) -> None:
        next(iter(document["config"].values())).update(path_name=entry, **fields)

    name = f"{config.rpartition('/')[0]}/{entry}"
    return with_json(with_entry(small_archive(), name, payload), config, change)


def with_size(expression: str) -> bytes:
    def change(document: Any) -> None:
        graph(document)["tensor_values"]["x"]["sizes"][0]["as_expr"]["expr_str"] = expression

    return changed(change)


def with_symbol(expression: str) -> bytes:
    def change(document: Any) -> None:
        next(iter(graph(document)["sym_int_values"].values()))["as_expr"]["expr_str"] = expression

    return changed(change)


def with_tree(field: str, path: Path) -> bytes:
    """An enum of a module that is imported for it; here one of this test's folder."""
    enum = {"__enum__": True, "fqn": f"{path.name}:Any", "name": "ANY"}
    (path.parent / f"{path.name}.py").write_text(f"import os; os.mkdir({str(path)!r})")
    tree = {"type": "builtins.dict", "context": json.dumps([enum]), "children_spec": []}

    def change(document: Any) -> None:
        document["graph_module"]["module_call_graph"][0]["signature"][field] = json.dumps([1, tree])

    return changed(change)


def renamed(old: str, new: str) -> bytes:
    """The archive with a value of the graph renamed wherever it occurs."""
    text = entries(small_archive())[PROGRAM].decode()
    return with_entry(
        small_archive(), PROGRAM, text.replace(json.dumps(old), json.dumps(new)).encode()
    )


def with_names(names: list[str]) -> bytes:
    def change(document: Any) -> None:
        document["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"] = names

    return changed(change)


def with_guard(guard: str) -> bytes:
    return changed(lambda document: document["guards_code"].append(guard))


def with_node(target: str, **arguments: object) -> bytes:
    """The archive with another node at the end, whose result nothing uses."""
    inputs = [{"name": name, "arg": arg, "kind": 1} for name, arg in arguments.items()]

    def change(document: Any) -> None:
        node = {"target": target, "inputs": inputs, "metadata": {}, "name": "last"}
        node["outputs"] = [{"as_tensor": {"name": "last"}}]
        graph(document)["nodes"].append(node)
        graph(document)["tensor_values"]["last"] = graph(document)["tensor_values"]["x"]

    return changed(change)


def from_file(path: Path) -> bytes:
    return with_node(
        "torch.ops.aten.from_file.default",
        filename={"as_string": str(path)},
        shared={"as_bool": True},
        size={"as_int": 1},
    )


def load(content: bytes) -> None:
    torch.export.load(io.BytesIO(content))


def call(content: bytes) -> None:
    torch.export.load(io.BytesIO(content)).module()(ROWS)


# By what torch does with them: load runs their code, or the first forward does.
HOSTILE: dict[str, tuple[Callable[[Path], bytes], Callable[[bytes], None]]] = {
    "sample inputs": (
        lambda p: with_entry(small_archive(), "data/sample_inputs/model.pt", saved(p)),
        load,
    ),
    "legacy weights": (
        lambda p: with_entry(small_archive(), "data/weights/model.pt", saved(p)),
        load,
    ),
    "legacy constants": (
        lambda p: with_entry(small_archive(), "data/constants/model.pt", saved(p)),
        load,
    ),
    "pickled weight": (
        lambda p: with_payload(WEIGHTS, "weight_99", saved(p), use_pickle=True),
        load,
    ),
    "pickled constant": (
        lambda p: with_payload(CONSTANTS, "tensor_99", saved(p), use_pickle=True),
        load,
    ),
    "opaque object": (
        lambda p: with_payload(CONSTANTS, "opaque_obj_0", pickled(p), use_pickle=True),
        load,
    ),
    "length of an axis": (lambda p: with_size(code(p)), load),
    "number in the graph": (lambda p: with_symbol(code(p)), load),
    "input structure": (lambda p: with_tree("in_spec", p), load),
    "output structure": (lambda p: with_tree("out_spec", p), load),
    "name of an input": (lambda p: renamed("x", f"x={code(p)}"), load),
    "guard": (lambda p: with_guard(code(p)), call),
    "operator from_file": (from_file, call),
}
NEVER_READ = ("sample inputs", "number in the graph")
# What happens to the others: refused, without an attempt to show that torch is caught.
REFUSED: dict[str, Callable[[Path], bytes]] = {
    "name of an argument": lambda p: with_names([f"x={code(p)}"]),
    "name of a result": lambda p: renamed("linear", f"linear={code(p)};y"),
    "custom object": lambda p: with_payload(CONSTANTS, "custom_obj_0", pickled(p), use_pickle=True),
    "native code": lambda p: with_entry(small_archive(), "data/aotinductor/model/x.so", b"\x7fELF"),
    "operator of Python": lambda p: with_node("torch.hub.load", a={"as_string": str(p)}),
    "operator of another library": lambda p: with_node("torch.ops.custom.run.default"),
    "function of os": lambda p: with_node("torch.serialization.os.mkdir", a={"as_string": str(p)}),
    "operator that is not there": lambda p: with_node("torch.ops.aten.ceil.int"),
    "operator without a name": lambda p: with_node("torch.ops.aten.__class__.mro"),
    "extension operator": lambda p: with_node("#ext:run"),
    "loop": lambda p: with_node("torch.ops.higher_order.while_loop"),
    "Triton kernel": lambda p: with_node("torch.ops.higher_order.triton_kernel_wrapper_functional"),
    "object as an argument": lambda p: with_node(
        "torch.ops.aten.relu.default",
        self={"as_custom_obj": {"name": "a", "class_fqn": "os.mkdir"}},
    ),
    "operator as an argument": lambda p: with_node(
        "torch.ops.aten.relu.default", self={"as_operator": "torch.hub.load"}
    ),
    "range": lambda p: changed(
        lambda document: document["range_constraints"].update(
            {code(p): {"min_val": 0, "max_val": 1}}
        )
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore")
def test_an_archive_that_torch_is_caught_by_does_nothing_here(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    make, use = HOSTILE[name]
    mark = tmp_path / f"mark_{list(HOSTILE).index(name)}"
    content = make(mark)
    try:
        use(content)
    except Exception as error:
        # The trace shows that the code ran before torch found anything wrong.
        del error
    assert mark.exists(), "the test shows nothing: torch is not caught by this archive any more"
    (mark.rmdir if mark.is_dir() else mark.unlink)()
    if name in NEVER_READ:
        read_program(content, "hostile.pt2")(ROWS)
    else:
        with pytest.raises(CheckpointError, match=r"^hostile\.pt2: .*\Z"):
            read_program(content, "hostile.pt2")
    assert not mark.exists()


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_run_code_is_named_and_refused(name: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises((UnsafeCheckpoint, UnreadableCheckpoint)) as refused:
        read_program(REFUSED[name](mark), "hostile.pt2")
    assert len(str(refused.value).splitlines()) == 1
    assert not mark.exists()
