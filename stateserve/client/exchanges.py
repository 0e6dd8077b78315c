"""The requests of all endpoints but /predict, and their answers."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import msgspec

from stateserve.checkpoint import Array, State, decode_safetensors
from stateserve.client.arrays import as_array
from stateserve.client.calls import CHANGED, Calls, query_of, target_of
from stateserve.client.connection import MOST_LISTED, MOST_PREDICTED, memory_bytes
from stateserve.client.explanations import (
    Choices,
    Explanation,
    PictureFile,
    decode_explanation,
    read_picture,
)
from stateserve.client.instances import encode, encode_one, is_mapping
from stateserve.client.known_models import KnownModels
from stateserve.client.listing import ModelList, StateDiff
from stateserve.client.prediction_calls import JSON, PredictionCalls
from stateserve.client.predictions import (
    Prediction,
    PredictOptions,
    Progress,
    TablePredictions,
    Target,
    Values,
)
from stateserve.client.remote_state import Entry
from stateserve.client.retries import Exchange, T
from stateserve.errors import ClientError, NoAnswer
from stateserve.model import Card, ModelCard
from stateserve.tables import Wanted, read_instances, read_sheet

if TYPE_CHECKING:
    from torch import Tensor

    from stateserve.model import ModelView

# Tensors in one answer of /state, and bytes of all its answers.
PAGE, MOST_PAGES = 1000, 4 * MOST_LISTED


class Exchanges(PredictionCalls):
    """One exchange for each method of the clients; `build` is build_request of an httpx client."""

    def __init__(
        self, build: Callable[..., httpx.Request], patience: float, total_timeout: float | None
    ) -> None:
        calls = Calls(build, patience, total_timeout)
        super().__init__(calls, KnownModels(calls))

    def predict_table(
        self, path: str | PathLike[str], details: PredictOptions, progress: Progress | None
    ) -> Exchange[TablePredictions]:
        """Raises ClientError or TableError."""
        card = yield from self.card(target_of(details))
        wanted = Wanted.of(card)
        if wanted is None:
            raise ClientError(f"{path}: the model has no named columns; it takes no table")
        try:
            file = Path(path)
        except TypeError:
            raise ClientError(f"a table is the path of its file, not {path!r:.100}") from None
        skip = details.get("skip_bad_rows", False)
        table = read_instances(read_sheet(file, skip_bad_rows=skip), wanted, skip_bad_rows=skip)
        of_rows: PredictOptions = {**details, "skip_bad_rows": False}
        model = yield from self._models.path(target_of(details))
        answers = yield from self._many(table.instances, model, of_rows, progress)
        return TablePredictions(answers, table)

    def explain(self, instance: object, choices: Choices) -> Exchange[Explanation]:
        return self._explain(decode_explanation, instance, choices, JSON)

    def explain_picture(self, instance: object, choices: Choices) -> Exchange[PictureFile]:
        return self._explain(read_picture, instance, choices, "image/png")

    def feedback(
        self, prediction: Prediction | str, true_class: str | None, value: Values | None
    ) -> Exchange[None]:
        """Idempotent: it may be sent again."""
        if (true_class is None) == (value is None):
            raise ClientError("feedback is either a true class or a true value")
        prediction_id = getattr(prediction, "id", None)
        prediction_id = prediction if isinstance(prediction, str) else prediction_id
        if prediction_id is None:
            raise ClientError("the service did not log this prediction: it has no id")
        truth = {"class": true_class} if value is None else {"value": value}
        body = {"prediction_id": prediction_id, **truth}
        yield from self._calls.ask(
            msgspec.json.Decoder(_Judged).decode,
            "feedback",
            method="POST",
            content=encode(body),
            headers={"Content-Type": JSON},
        )

    def models(self) -> Exchange[ModelList]:
        return self._calls.ask(msgspec.json.Decoder(ModelList).decode, "models")

    def diff(self, first: str | int, second: str | int, model: str | None) -> Exchange[StateDiff]:
        if model is None:
            model = (yield from self.models()).default
        path = yield from self._models.path({"model": model})
        read = msgspec.json.Decoder(StateDiff).decode
        query = {"from": first, "to": second}
        return (yield from self._calls.ask(read, f"{path}diff", params=query))

    def model(self, target: Target) -> Exchange["ModelView"]:
        # Imported here, since ModelView imports torch; card() does not.
        from pydantic import TypeAdapter

        from stateserve.model import ModelView

        return self._of_model(TypeAdapter(ModelView).validate_json, "model", target)

    def card(self, target: Target) -> Exchange[Card | ModelCard]:
        return self._of_model(_read_card, "model", target)

    def state(self, target: Target) -> Exchange[dict[str, "Tensor"]]:
        return self._of_model(_read_tensors, "state.safetensors", target, most_bytes=memory_bytes())

    def arrays(self, target: Target) -> Exchange[State]:
        return self._of_model(
            decode_safetensors, "state.safetensors", target, most_bytes=memory_bytes()
        )

    def entries(self, target: Target) -> Exchange[list[Entry]]:
        """Every tensor without its values."""
        path = yield from self._models.path(target)
        found: dict[str, Entry] = {}
        read, room = msgspec.json.Decoder(_Page).decode, MOST_PAGES
        while True:
            query = {"values": "false", "limit": PAGE, "offset": len(found)}
            size, page = yield from self._calls.ask(
                lambda content: (len(content), read(content)),
                f"{path}state",
                most_bytes=min(room, MOST_LISTED),
                params=query,
            )
            room -= size
            added = {each.name: each for each in page.entries}
            if len(added) < len(page.entries) or not found.keys().isdisjoint(added):
                raise NoAnswer(f"{path}state: two pages have the same tensors; {CHANGED}")
            found |= added
            if len(added) < PAGE:
                return list(found.values())

    def tensor(self, name: str, slice: str | None, target: Target) -> Exchange["Tensor"]:
        return self._one_tensor(name, slice, target, _read_tensors)

    def array(self, name: str, slice: str | None, target: Target) -> Exchange[Array]:
        return self._one_tensor(name, slice, target, decode_safetensors)

    def ready(self) -> Exchange[bool]:
        return self._calls.once("health/ready")

    def _of_model(
        self, read: Callable[[bytes], T], name: str, target: Target, **parts: Any
    ) -> Exchange[T]:
        path = yield from self._models.path(target)
        return (yield from self._calls.ask(read, f"{path}{name}", **parts))

    def _one_tensor(
        self, name: str, slice: str | None, target: Target, load: Callable[[bytes], dict[str, T]]
    ) -> Exchange[T]:
        params = {"format": "safetensors"} | ({"slice": slice} if slice is not None else {})
        if not (isinstance(name, str) and name):
            raise ClientError(f"a tensor's name is a text, not {name!r:.100}; state() has them")
        if not isinstance(slice, str | int | None):
            raise ClientError(f"a slice is a text such as '0:2,1', not {slice!r:.100}")
        # No tensor's name has a character that UTF-8 cannot encode. A path has another meaning
        # for dots alone.
        quoted = quote(name, safe="", errors="replace")
        path = f"state/{quoted if name.strip('.') else quoted.replace('.', '%2E')}"
        return self._of_model(
            lambda content: load(content)[name],
            path,
            target,
            params=params,
            most_bytes=memory_bytes(),
        )

    def _explain(
        self, read: Callable[[bytes], T], instance: object, choices: Choices, accept: str
    ) -> Exchange[T]:
        path = yield from self._models.path(target_of(choices))
        array = None if is_mapping(instance) else as_array(instance)
        if array is not None:
            known = yield from self._models.get(path)
            features = known.signature.inputs[0].features
            if features and array.shape == (len(features),):
                names = [feature.name for feature in features]
                instance = dict(zip(names, array.tolist(), strict=True))
        exchange = self._calls.answer(
            lambda response: read(response.content),
            f"{path}explain",
            params=query_of(choices),
            most_bytes=MOST_PREDICTED,
            content=encode_one(instance),
            headers={"Content-Type": JSON, "Accept": accept},
        )
        return (yield from exchange)


class _Judged(msgspec.Struct):
    prediction_id: str


class _Page(msgspec.Struct):
    entries: list[Entry]


def _read_tensors(content: bytes) -> dict[str, "Tensor"]:
    # Imports torch, which arrays() and array() do not.
    from stateserve.model import to_tensors

    return to_tensors(decode_safetensors(content))


class _CardView(msgspec.Struct):
    card: dict[str, Any]


def _read_card(content: bytes) -> Card | ModelCard:
    card = msgspec.json.decode(content, type=_CardView).card
    kind = ModelCard if card.get("schema_version") == 2 else Card
    return kind.model_validate(card)
