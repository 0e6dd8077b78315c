"""Import a Python file under a private name, with the modules beside it that it imports.

The file `nets.py` becomes the module `_stateserve_code_1.nets`, and its `import layers` finds
`layers.py` beside it as `_stateserve_code_1.layers`. So two models may have different `layers`,
neither collides with an installed package, and sys.path stays as it is.
"""

import builtins
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import RLock
from types import ModuleType

from stateserve.errors import CodeFailed
from stateserve.model.architectures.import_guard import importing, refuse_in_import
from stateserve.model.architectures.source_files import SourceFiles
from stateserve.text import first_line

PREFIX = "_stateserve_code_"
_numbers = itertools.count(1)
# Held while code of a model is imported or constructs the module.
_lock = RLock()


class ImportedCode:
    """An imported file; `files` has the bytes of it and of all files that it imported."""

    def __init__(self, sources: SourceFiles) -> None:
        self.sources, self.file = sources, sources.file
        self.files: dict[Path, bytes] = {}
        self.module = ModuleType("")
        self._package = f"{PREFIX}{next(_numbers)}"
        self._builtins = vars(builtins) | {
            "__import__": self._import,
            "print": partial(print, file=_StandardError()),
        }
        top = sources.top
        self._used = {top}
        parts = self.file.relative_to(top).with_suffix("").parts
        self._name = ".".join([self._package, *(part.replace(".", "_") for part in parts)])

    @property
    def root(self) -> Path:
        """The folder that all files are in, so that they import each other from it."""
        return min(self._used, key=lambda folder: len(folder.parts))

    def load(self) -> None:
        """Run the file. Raises CodeFailed."""
        package = ModuleType(self._package)
        package.__path__ = [str(folder) for folder in self.sources.folders]
        sys.modules[self._package] = package
        _FINDER.codes[self._package] = self
        with importing(self.file), self.running("importing it"):
            self.module = import_module(self._name)

    @contextmanager
    def running(self, what: str) -> Iterator[None]:
        """Run code of the model; it prints to standard error, and each error is a CodeFailed."""
        try:
            # A command's standard output is for its own results.
            with _lock, redirect_stdout(sys.stderr):
                yield
        except CodeFailed:
            raise
        # A file may call sys.exit.
        except BaseException as error:
            raise CodeFailed(f"{self.place(error)}: {what} raised {first_line(error)}") from None

    def unchanged(self) -> bool:
        """Whether the files are still those that were run."""
        try:
            return all(self.sources.read(path) == content for path, content in self.files.items())
        except CodeFailed:
            return False

    def find(self, name: str) -> ModuleSpec | None:
        """The spec of a private module; None if no folder has its file."""
        if name == self._name:
            return self._spec(name, self.file)
        paths = {each: each.joinpath(*name.split(".")[1:]) for each in self.sources.folders}
        for folder, path in paths.items():
            if file := self.sources.file_of(path):
                self._used.add(folder)
                return self._spec(name, file)
        for folder, path in paths.items():
            if self.sources.is_folder(path):
                self._used.add(folder)
                return _namespace(name, path)
        return None

    def run(self, module: ModuleType, file: Path) -> None:
        content = self.files[file] = self.sources.read(file)
        vars(module)["__builtins__"] = self._builtins
        exec(compile(content, file, "exec", dont_inherit=True), vars(module))  # noqa: S102

    def place(self, error: BaseException) -> str:
        """The file, and the line of the model's code that raised the error, if it is known."""
        paths = {str(path) for path in self.files}
        if isinstance(error, SyntaxError) and error.filename in paths:
            return f"{error.filename}:{error.lineno}"
        found, trace = str(self.file), error.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            found = f"{name}:{trace.tb_lineno}" if name in paths else found
            trace = trace.tb_next
        return found

    def _spec(self, name: str, file: Path) -> ModuleSpec:
        is_package = file.stem == "__init__"
        spec = ModuleSpec(name, _FileLoader(self, file), origin=str(file), is_package=is_package)
        spec.has_location = True
        return spec

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """The `import` statement of the model's code; modules beside it come first."""
        private = f"{self._package}.{name}"
        if level or not self.sources.has(name, fromlist or ()):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        import_module(private)
        if not fromlist:
            return sys.modules[f"{self._package}.{name.partition('.')[0]}"]
        # This imports submodules that `fromlist` names, too.
        return builtins.__import__(private, globals, locals, fromlist, 0)


class _FileLoader(Loader):
    def __init__(self, code: ImportedCode, file: Path) -> None:
        self._code, self._file = code, file

    def exec_module(self, module: ModuleType) -> None:
        self._code.run(module, self._file)


class _Finder(MetaPathFinder):
    """Finds private modules, for the import system."""

    def __init__(self) -> None:
        self.codes: dict[str, ImportedCode] = {}

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        code = self.codes.get(fullname.partition(".")[0])
        return code.find(fullname) if code else None


_FINDER = _Finder()
# First, since the import system's own finder would find the same files.
sys.meta_path.insert(0, _FINDER)
_imported: dict[Path, ImportedCode] = {}


def import_code(
    file: Path,
    folders: Sequence[Path],
    content: Mapping[Path, bytes] | None = None,
    source: bytes | None = None,
) -> ImportedCode:
    """Import `file`, or return it as imported before if no byte of its files has changed.

    With `content`, only those files are run; `source` in place of what `file` holds. Raises
    CodeFailed: one line with the file, the line in it, and the error.
    """
    with _lock:
        known, sources = _imported.get(file), SourceFiles(file, folders, content, source)
        if known and known.sources == sources and known.unchanged():
            # Its module is there once the import has ended.
            if not known.module.__name__:
                refuse_in_import("its model is loaded")
            return known
        code = _imported[file] = ImportedCode(sources)
        try:
            code.load()
        except CodeFailed:
            del _imported[file]
            raise
        return code


def _namespace(name: str, folder: Path) -> ModuleSpec:
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    return spec


class _StandardError:
    """`sys.stderr` of the moment, which a program may replace."""

    def write(self, text: str, /) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
