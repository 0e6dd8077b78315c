"""The answers of /explain."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypedDict

import msgspec

from stateserve.client import notebook
from stateserve.client.predictions import ModelReference, Target

PNG = b"\x89PNG\r\n\x1a\n"


class Choices(Target, total=False):
    """Which model is explained, and the options of /explain for any module: the class or element,
    an output, and the layer, or "*", whose tensors are in the answer."""

    target: str | int | None
    output: str | None
    method: Literal["integrated_gradients", "saliency", "shapley", "none"] | None
    activations: str | None


Counterfactual = TypedDict(
    "Counterfactual",
    {"class": str, "distance": float, "features": dict[str, float], "changes": dict[str, float]},
)


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a model gives this answer for one instance.

    `attributions` are the contributions of the values to `score`, by feature for a table, else by
    input and place; None if there are too many for JSON. They sum to `score` - `baseline_score` +
    `convergence_delta`. `answer` is the whole answer of the service: activations, and for a
    tabular classifier the nearest training rows and a counterfactual.
    """

    label: str | None
    index: int
    attributions: dict[str, Any] | None
    score: float | None
    baseline_score: float | None
    convergence_delta: float | None
    model: ModelReference
    answer: dict[str, Any]

    @property
    def counterfactual(self) -> Counterfactual | None:
        """An input of another class, and its `changes` from the given one."""
        return self.answer.get("counterfactual")

    def _repr_html_(self) -> str:
        about = f"model {self.model.name}, version {self.model.version}"
        note = f"contributions to {self.label or f'element {self.index}'}; {about}"
        values = dict(_numbers(self.attributions or {}))
        largest = max(map(abs, values.values()), default=0) or 1
        ranked = sorted(values.items(), key=lambda item: -abs(item[1]))
        rows: list[list[object]] = [
            [name, value, notebook.Bar(value / largest)] for name, value in ranked
        ]
        return notebook.table(
            ["feature", "contribution", "share of the largest"], rows[: notebook.MOST_ROWS], note
        )


class PictureFile(bytes):
    """A PNG file, which a notebook shows."""

    def _repr_png_(self) -> bytes:
        return bytes(self)


def decode_explanation(content: bytes) -> Explanation:
    """Raises ValueError or LookupError for the answer of another service."""
    answer = msgspec.json.decode(content, type=dict[str, Any])
    found = msgspec.convert(answer["attributions"], dict[str, Any] | None)
    scores: Mapping[str, object] = answer
    if "features" in (found or {}) and "logit" in found:
        # Of a tabular classifier.
        scores = found | {"score": found["logit"], "baseline_score": found["baseline_logit"]}
        found = found["features"]
    names = ("score", "baseline_score", "convergence_delta")
    fields = {name: scores[name] for name in names} | {
        "label": answer["class"],
        "index": answer["index"],
        "attributions": found,
        "model": answer["model"],
        "answer": answer,
    }
    return msgspec.convert(fields, Explanation)


def read_picture(content: bytes) -> PictureFile:
    """Raises ValueError for what is no PNG."""
    if not content.startswith(PNG):
        raise ValueError("no PNG")
    return PictureFile(content)


def _numbers(values: object, name: str = "") -> Iterator[tuple[str, float]]:
    """Every number of nested dicts and lists, with its path."""
    if isinstance(values, dict):
        for key, each in values.items():
            yield from _numbers(each, f"{name} {key}".strip())
    elif isinstance(values, list):
        for place, each in enumerate(values):
            yield from _numbers(each, f"{name}[{place}]")
    elif isinstance(values, int | float):
        yield name, float(values)
