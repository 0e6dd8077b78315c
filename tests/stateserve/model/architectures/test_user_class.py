"""A class in a user's file: found, imported under a private name, and made."""

import sys
from pathlib import Path

import pytest

from stateserve.errors import CodeFailed
from stateserve.model.architectures.code import open_code
from stateserve.model.architectures.code_folders import folders_of
from stateserve.model.architectures.code_import import import_code
from stateserve.model.architectures.user_class import split_code
from tests.user_code import lenet_state, write_code

LINEAR = """
from torch import nn

class Net(nn.Module):
    def __init__(self{arguments}):
        super().__init__()
        self.fc = nn.Linear(2, 2)
"""


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def failure(code: str, **kwargs: object) -> str:
    with pytest.raises(CodeFailed) as caught:
        open_code(code, kwargs).module_of(lenet_state())  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("code", ["nets.py:LeNet", "nets.py"])
def test_the_module_is_made_in_evaluation_mode_and_needs_gradients_as_before(code: str) -> None:
    write_code(Path("nets.py"))
    module = open_code(code, {}).module_of(lenet_state())
    assert not module.training
    assert all(each.requires_grad for each in module.parameters())
    assert type(module).__name__ == "LeNet"


def test_importing_changes_neither_the_path_nor_public_modules(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_code(Path("app.py"), "import layers\nprint('hello')\nfrom layers import Net\n")
    write_code(Path("layers.py"), LINEAR.format(arguments=""))
    path, public = list(sys.path), {n for n in sys.modules if not n.startswith("_stateserve_code_")}
    code = open_code("app.py:Net", {})
    assert sys.path == path
    assert {n for n in sys.modules if not n.startswith("_stateserve_code_")} == public
    assert capsys.readouterr() == ("", "hello\n")
    assert set(code.files) == {"app.py", "layers.py"}
    assert set(code.entry.modules) == {"layers.py"}  # type: ignore[union-attr]


def test_two_files_have_neighbours_of_the_same_name() -> None:
    for number in (1, 2):
        write_code(Path(f"m{number}/layers.py"), f"VALUE = {number}\n")
        write_code(Path(f"m{number}/nets.py"), "import layers\n")
    found = [import_code(Path(f"m{n}/nets.py"), folders_of(Path(f"m{n}/nets.py"))) for n in (1, 2)]
    assert [each.module.layers.VALUE for each in found] == [1, 2]


IMPORTS = {
    "from layers import VALUE": {"p/layers.py"},
    "from .layers import VALUE": {"p/layers.py"},
    "from p.layers import VALUE": {"p/layers.py"},
    "import p.layers; VALUE = p.layers.VALUE": {"p/layers.py"},
    "from p import layers; VALUE = layers.VALUE": {"p/layers.py"},
    "from utils.more import VALUE": {"utils/more.py"},
    "from utils import more as m; VALUE = m.VALUE": {"utils/more.py"},
    "import top; VALUE = top.VALUE": {"top.py"},
    "from torch import float32; VALUE = 1": set(),
    "import data; VALUE = 1": {"data.py"},
}


@pytest.mark.parametrize("package", [False, True])
@pytest.mark.parametrize("line", IMPORTS)
def test_modules_beside_the_file_and_above_it_are_imported(line: str, package: bool) -> None:
    for name in ("p/layers.py", "utils/more.py", "top.py", "data.py"):
        write_code(Path(name), "VALUE = 1\n")
    # A folder of data has the name of an installed package.
    Path("torch").mkdir()
    if package:
        Path("p/__init__.py").touch()
    file = write_code(Path("p/nets.py"), line)
    code = import_code(file, folders_of(file))
    assert code.module.VALUE == 1
    used = {path.as_posix() for path in code.files} - {"p/__init__.py"}
    assert used == IMPORTS[line] | {"p/nets.py"}


def test_a_module_that_is_imported_in_forward_is_found(tmp_path: Path) -> None:
    write_code(Path("late.py"), "VALUE = 3\n")
    file = write_code(Path("nets.py"), "def run():\n    import late\n    return late.VALUE\n")
    assert import_code(file, folders_of(file)).module.run() == 3


def test_an_unchanged_file_is_run_once_and_a_changed_neighbour_runs_it_again() -> None:
    write_code(Path("layers.py"), "VALUE = 1\n")
    file = write_code(Path("nets.py"), "from layers import VALUE\n")
    first = import_code(file, folders_of(file))
    assert import_code(file, folders_of(file)) is first
    write_code(Path("layers.py"), "VALUE = 22\n")
    assert import_code(file, folders_of(file)).module.VALUE == 22
    assert first.module.VALUE == 1


FAILING = {
    "import nowhere_at_all": "nets.py:1: importing it raised ModuleNotFoundError: No module named",
    "x = (": "nets.py:1: importing it raised SyntaxError: '(' was never closed",
    "\n\nraise ValueError('two\\nlines')": "nets.py:3: importing it raised ValueError: two",
    "import sys\nsys.exit(3)": "nets.py:2: importing it raised SystemExit: 3",
    "class W(BaseException):\n    def __str__(self): raise W\nraise W": (
        "nets.py:3: importing it raised W: "
    ),
    "raise KeyboardInterrupt": "nets.py:1: importing it raised KeyboardInterrupt: ",
    "import broken": "broken.py:2: importing it raised ZeroDivisionError: division by zero",
    "from ... import x": "nets.py:1: importing it raised ImportError: attempted relative import",
    "x = '\0'": "importing it raised SyntaxError: source code string cannot contain null bytes",
    "# coding: nowhere": "importing it raised SyntaxError: ",
    "def f(): f()\nf()": "nets.py:1: importing it raised RecursionError: ",
}


@pytest.mark.parametrize("text", FAILING)
def test_a_file_that_cannot_be_imported_says_where(text: str) -> None:
    write_code(Path("broken.py"), "#\n1 / 0\n")
    write_code(Path("nets.py"), text)
    assert FAILING[text] in failure("nets.py:Net")


CHOICES = {
    ("nets.py:Lenet", ""): "nets.py has no class Lenet; did you mean LeNet?",
    ("nets.py:Other", ""): "nets.py has no class Other; it has LeNet",
    ("nets.py:torch", ""): "nets.py: torch is a module, not a class of torch.nn.Module; it has LeN",
    ("nets.py:made", "made = LeNet()"): "nets.py: made is a LeNet, not a class of torch.nn.Module",
    ("nets.py", "class B(nn.Module): pass"): "nets.py defines several: LeNet, B; name one",
    ("nets.py", "del LeNet"): "nets.py defines no class of torch.nn.Module; name one",
    ("nets.py:make", "def make(): return 3"): "nets.py:make returned an int, not a torch.nn.Module",
    ("nets.py:Moved", "def Moved(): return nn.Linear(1, 1, device='meta')"): "puts weight on meta",
}


@pytest.mark.parametrize(("code", "more"), CHOICES)
def test_a_name_that_is_no_module_is_refused_with_those_that_are(code: str, more: str) -> None:
    file = write_code(Path("nets.py"))
    file.write_text(f"{file.read_text()}\n{more}\n")
    assert CHOICES[code, more] in failure(code)


ARGUMENTS = {
    (", n", ()): 'Net needs the arguments n: --kwargs \'{"n": ...}\', or kwargs={"n": ...}',
    (", n, *, m, k=1", ("k",)): "Net needs the arguments n, m: --kwargs ",
    (", n=1", ("m",)): "Net has no argument 'm'; it takes n",
    ("", ("m",)): "Net has no argument 'm'; it takes none",
    (", n=1, **more", ("n", "m")): "",
}


@pytest.mark.parametrize(("arguments", "given"), ARGUMENTS)
def test_the_arguments_of_the_class_are_named(arguments: str, given: tuple[str, ...]) -> None:
    write_code(Path("nets.py"), LINEAR.format(arguments=arguments))
    expected = ARGUMENTS[arguments, given]
    if expected:
        assert expected in failure("nets.py", **dict.fromkeys(given, 1))


def test_a_constructor_that_raises_says_where() -> None:
    write_code(Path("nets.py"), LINEAR.format(arguments=", n=1 / 1") + "        exit(n)\n")
    assert failure("nets.py:Net") == "nets.py:8: Net() raised SystemExit: 1.0"


def test_a_function_makes_the_module_too() -> None:
    write_code(Path("nets.py"))
    with Path("nets.py").open("a") as file:
        file.write("\ndef small(n):\n    return LeNet(n)\n")
    module = open_code("nets.py:small", {"n": 3}).module_of(lenet_state(3))
    assert module.fc.out_features == 3


@pytest.mark.parametrize("code", ["nets", "nets.pyc", "nets.py:a.b", "x.pt2:A", "nets.ipynb", ""])
def test_code_is_a_file_and_a_class(code: str) -> None:
    with pytest.raises(CodeFailed, match=r"FILE\.py:CLASS, or FILE\.pt2"):
        split_code(code)


def test_a_missing_file_is_named() -> None:
    assert failure("nowhere.py:Net") == "nowhere.py: No such file or directory"
    Path("folder.py").mkdir()
    assert "folder.py: " in failure("folder.py:Net")
