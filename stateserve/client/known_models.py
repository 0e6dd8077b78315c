"""The signatures of the models of a service, which its binary answers do not have."""

from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from stateserve.client.calls import Calls
from stateserve.client.predictions import ModelReference, Target
from stateserve.client.retries import Exchange
from stateserve.errors import ClientError
from stateserve.model import Signature
from stateserve.tables import ClassDtype, class_dtype, typed_classes


@dataclass(frozen=True)
class KnownModel:
    """`classifier`: a tabular classifier with a card of version 1, whose `.npy` answers are
    log-probabilities on request. `class_dtype` is the dtype of the classes in the table of the
    training; None if they are texts."""

    state_sha256: str
    signature: Signature
    classifier: bool
    class_dtype: ClassDtype | None


class _Table(msgspec.Struct):
    class_dtype: ClassDtype | None = None


class _Card(msgspec.Struct):
    schema_version: int
    table: _Table | None = None


class _View(msgspec.Struct):
    state_sha256: str
    signature: dict[str, object]
    card: _Card


class KnownModels:
    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._default: str | None = None
        self._known: dict[str, KnownModel] = {}

    def path(self, target: Target) -> Exchange[str]:
        """The start of the paths of a model or a version; "" of the default model."""
        model, version = target.get("model"), target.get("version")
        if model is None and version is None:
            return ""
        if model is None:
            self._default = self._default or (yield from self._calls.ask(_default, "models"))
            model = self._default
        path = f"models/{_segment('model', model)}/"
        return path if version is None else f"{path}versions/{_segment('version', version)}/"

    def get(self, path: str) -> Exchange[KnownModel]:
        if path not in self._known:
            self._known[path] = yield from self._learn(path)
        return self._known[path]

    def answered(self, path: str, reference: ModelReference) -> Exchange[KnownModel]:
        """The model of an answer from `path`, which may be newer than the known one."""
        known = yield from self.get(path)
        if not known.state_sha256.startswith(reference.state_sha256):
            name, version = (
                _segment("model", reference.name),
                _segment("version", reference.version),
            )
            known = yield from self._learn(f"models/{name}/versions/{version}/")
            self._known[path] = known
        return known

    def _learn(self, path: str) -> Exchange[KnownModel]:
        return (yield from self._calls.ask(_read_model, f"{path}model"))


def _read_model(content: bytes) -> KnownModel:
    view = msgspec.json.decode(content, type=_View)
    signature = Signature.model_validate(view.signature)
    classifier, dtype = view.card.schema_version != 2, None
    if view.card.table:
        dtype = view.card.table.class_dtype
    elif classifier:
        # Its table was a CSV.
        dtype = class_dtype(signature.outputs[0].labels)
    for output in signature.outputs:
        if output.classifies:
            # Raises ValueError for classes that are not of this dtype.
            typed_classes(output.labels, dtype)
    return KnownModel(view.state_sha256, signature, classifier, dtype)


class _Listing(msgspec.Struct):
    default: str


def _default(content: bytes) -> str:
    return msgspec.json.decode(content, type=_Listing).default


def _segment(kind: str, name: object) -> str:
    """The name of a model or a version in a path; a version may be an integer."""
    if kind == "version" and isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str):
        raise ClientError(f"a {kind} is a text, not {name!r:.100}; models() lists them")
    if name in ("", ".", ".."):
        # A path has other meanings for them.
        raise ClientError(f"no {kind} has the name {name!r}; models() lists them")
    # No name has a character that UTF-8 cannot encode.
    return quote(name, safe="", errors="replace")
