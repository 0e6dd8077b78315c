"""The answers of /models and of the difference of two versions."""

import msgspec

from stateserve.client import notebook
from stateserve.inspect import Comparison


class ModelVersion(msgspec.Struct, frozen=True):
    """READY with a `reason` is served, but a newer file was refused for this reason."""

    version: str
    state: str
    reason: str | None = None


class ListedModel(msgspec.Struct, frozen=True):
    """`default_version` answers requests that name no version; None while none is loaded."""

    name: str
    default_version: str | None
    versions: list[ModelVersion]


class ModelList(msgspec.Struct, frozen=True):
    """The models of a service; `default` answers where no model is named. `not_served` are files
    in the wrong place."""

    default: str
    models: list[ListedModel]
    not_served: list[str] = []

    def _repr_html_(self) -> str:
        rows = [
            [model.name, each.version, each.state, default, each.reason or ""]
            for model in self.models
            for each in model.versions
            for default in ["yes" if each.version == model.default_version else ""]
        ]
        header = ["model", "version", "state", "default", "reason"]
        return notebook.table(header, rows, f"the default model is {self.default}")


class StateDiff(Comparison):
    """The changed tensors, added and removed names between two versions."""

    def _repr_html_(self) -> str:
        rows: list[list[object]] = [
            [each.name, each.changed, each.elements, each.max_absolute, each.relative_norm]
            for each in self.differences
            if each.changed
        ]
        header = ["tensor", "changed", "of", "max |B-A|", "|B-A| / |A|"]
        parts = [
            (f"only in {which}", each)
            for which, each in (("A", self.removed), ("B", self.added))
            if each
        ]
        notes = [f"{text}: {', '.join(e.name for e in found)}" for text, found in parts]
        notes += [f"other shape or dtype: {each.first.name}" for each in self.recast]
        return notebook.table(
            header,
            rows[: notebook.MOST_ROWS],
            "; ".join(notes) or ("identical" if self.identical else ""),
        )
