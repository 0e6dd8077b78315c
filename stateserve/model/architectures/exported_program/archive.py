"""The zip archive of torch.export.save: a fixed list of entries; any other file is named."""

import io
import pickletools
import re
import zipfile
from typing import NamedTuple

from stateserve.errors import CheckpointError, UnreadableCheckpoint, UnsafeCheckpoint

# Each takes 46 bytes of the file, and about 600 of memory.
MAX_ENTRIES = 50_000
ENTRY = b"PK\x01\x02"
ENCRYPTED = 1
PORTION_BYTES = 2**20
EXPORT = "export the module with torch.export.export and write it with torch.export.save"
# Names without the folder that all entries are in.
PROGRAM = r"models/[^/]+\.json"
WEIGHTS = r"data/weights/[^/]+_weights_config\.json"
CONSTANTS = r"data/constants/[^/]+_constants_config\.json"
ACCEPTED = re.compile(
    rf"{PROGRAM}|{WEIGHTS}|{CONSTANTS}|data/weights/weight_\d+|data/constants/tensor_\d+"
    r"|archive_format|archive_version|byteorder"
    # Never read: marks of the writer, notes, and a pickle of the inputs that export had.
    r"|\.data/(version|serialization_id)|\.format_version|\.storage_alignment|extra/.+"
    r"|data/sample_inputs/[^/]+\.pt"
)
# Why an entry is refused, by its name without the folder.
UNSAFE = {
    r"data/aotinductor/.*": f"an AOTInductor package has native code, which is not run; {EXPORT}",
    r"data/(weights|constants)/[^/]+\.pt": "tensors in a pickle, as torch.export wrote them before "
    "torch 2.8; load the program and save it again with torch 2.13",
    r"data/constants/(opaque_obj|custom_obj)_.*": "a pickled object, which is not loaded; accepted "
    "as constants are tensors",
    r"code/.*|constants\.pkl": "a TorchScript archive has code of its own and is deprecated; use "
    f"torch.export: {EXPORT}",
    r"serialized_exported_program\.json": "a program of torch.export before torch 2.8 has pickles; "
    "load the program and save it again with torch 2.13",
}


class Archive(NamedTuple):
    """A checked archive; `program`, `weights` and `constants` name its JSON documents."""

    file: zipfile.ZipFile
    folder: str
    program: str
    weights: str
    constants: str

    def size(self, name: str) -> int:
        """The bytes of an entry. Raises UnreadableCheckpoint if it is missing."""
        try:
            return self.file.getinfo(self.folder + name).file_size
        except KeyError:
            raise UnreadableCheckpoint(f"the archive has no entry {name!r:.100}") from None

    def read(self, name: str) -> bytearray:
        """Raises UnreadableCheckpoint if the entry is missing or its checksum is wrong."""
        data = bytearray(self.size(name))
        self.read_into(name, memoryview(data))
        return data

    def read_into(self, name: str, data: memoryview) -> None:
        """Fill `data`, of the entry's size. Raises UnreadableCheckpoint for a wrong checksum."""
        try:
            with self.file.open(self.folder + name) as entry:
                # In portions, since zipfile copies each.
                for start in range(0, len(data), PORTION_BYTES):
                    portion = entry.read(min(PORTION_BYTES, len(data) - start))
                    data[start : start + len(portion)] = portion
                if entry.read(1) or (len(data) and start + len(portion) != len(data)):
                    raise ValueError("it has another length than it says")
        except Exception as error:
            # zipfile raises nine types of error for a hostile archive.
            raise UnreadableCheckpoint(f"entry {name!r:.100}: {error!s:.200}") from None


def open_archive(content: bytes) -> Archive:
    """Check all entries. Raises UnsafeCheckpoint for code and pickles, or UnreadableCheckpoint."""
    if not content.startswith(b"PK"):
        raise UnreadableCheckpoint(f"not an archive of torch.export, which is a zip file; {EXPORT}")
    if content.count(ENTRY) > MAX_ENTRIES:
        raise UnreadableCheckpoint(f"the archive has more than {MAX_ENTRIES} entries")
    try:
        file = zipfile.ZipFile(io.BytesIO(content))
    except Exception as error:
        # zipfile raises nine types of error for a hostile archive.
        raise UnreadableCheckpoint(f"not a whole zip file ({error!s:.200})") from None
    entries = file.infolist()
    folder = entries[0].filename.partition("/")[0] + "/" if entries else "/"
    names = [entry.filename.removeprefix(folder) for entry in entries]
    _require_safe(names)
    pickled = "data.pkl" in names
    if not pickled:
        _require_accepted(names)
    _require_stored(entries, len(content))
    if pickled:
        raise _of_torch_save(file, f"{folder}data.pkl")
    archive = Archive(file, folder, *(_only(names, kind) for kind in (PROGRAM, WEIGHTS, CONSTANTS)))
    _require_format(archive, names)
    return archive


def _require_safe(names: list[str]) -> None:
    for form, reason in UNSAFE.items():
        for name in names:
            if re.fullmatch(form, name, re.DOTALL):
                raise UnsafeCheckpoint(f"entry {name!r:.100}: {reason}")


def _require_accepted(names: list[str]) -> None:
    for name in names:
        if not ACCEPTED.fullmatch(name):
            raise UnreadableCheckpoint(
                f"entry {name!r:.100} is none that torch.export.save writes; {EXPORT}"
            )


def _of_torch_save(file: zipfile.ZipFile, name: str) -> CheckpointError:
    """What torch.save wrote: a state_dict, or an object of some class."""
    try:
        pickled = pickletools.genops(file.read(name))
        classes = [str(argument) for opcode, argument, _ in pickled if opcode.name == "GLOBAL"]
    except Exception:
        classes = []
    tensors = r"collections OrderedDict|torch(\._utils|\.storage)? \w+"
    other = next((each for each in classes if not re.fullmatch(tensors, each)), None)
    if other is None:
        return UnreadableCheckpoint(f"torch.save wrote tensors here, not a program; {EXPORT}")
    dotted = other.replace(" ", ".")
    return UnsafeCheckpoint(f"a pickled {dotted!r:.100}, which runs code when loaded; {EXPORT}")


def _require_stored(entries: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse archives that torch.export.save never writes, before any memory is allocated."""
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise UnreadableCheckpoint("the archive has compressed entries; accepted are stored ones")
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise UnreadableCheckpoint("the archive has encrypted entries")
    if sum(entry.file_size for entry in entries) > size:
        raise UnreadableCheckpoint("the archive claims more bytes than the file has")
    if len({entry.filename for entry in entries}) < len(entries):
        raise UnreadableCheckpoint("the archive has two entries of one name")


def _only(names: list[str], form: str) -> str:
    found = [name for name in names if re.fullmatch(form, name)]
    if len(found) != 1:
        plain = form.replace("[^/]+", "NAME").replace("\\", "")
        raise UnreadableCheckpoint(f"the archive has {len(found)} entries {plain}; accepted is one")
    return found[0]


def _require_format(archive: Archive, names: list[str]) -> None:
    marks = {"archive_format": b"pt2", "archive_version": b"0"}
    if "byteorder" in names:
        marks["byteorder"] = b"little"
    for name, accepted in marks.items():
        if (found := archive.read(name)) != accepted:
            raise UnreadableCheckpoint(f"{name} is {found!r:.40}; accepted is {accepted!r}")
