"""The state_dict of a service, whose tensors are downloaded one by one."""

from collections.abc import Callable, Iterator, Mapping

import msgspec

from stateserve.checkpoint import Array, tensor_sha256
from stateserve.client import notebook
from stateserve.errors import ClientError


class Entry(msgspec.Struct, frozen=True):
    """A tensor of the state without its values."""

    name: str
    shape: list[int]
    dtype: str
    sha256: str


class RemoteState(Mapping[str, Array]):
    """Names and arrays in the order of the state_dict. An array is downloaded when it is first
    asked for, and kept. `entries` has shapes and dtypes; nothing is downloaded for them."""

    def __init__(self, entries: list[Entry], download: Callable[[str], Array]) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self._download = download
        self._kept: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        """Raises KeyError for another name, and ClientError: also if the service has loaded
        another state since `entries` were read."""
        if name not in self._kept:
            entry = self.entries[name]
            array = self._download(name)
            if tensor_sha256(array) != entry.sha256:
                raise ClientError(f"{name}: the service has loaded another state; open it again")
            self._kept[name] = array
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __repr__(self) -> str:
        return f"<state of {len(self)} tensors, {len(self._kept)} downloaded>"

    def _repr_html_(self) -> str:
        rows = [[each.name, each.dtype, each.shape] for each in self.entries.values()]
        note = f"{len(rows)} tensors, {len(self._kept)} downloaded"
        return notebook.table(["name", "dtype", "shape"], rows[: notebook.MOST_ROWS], note)
