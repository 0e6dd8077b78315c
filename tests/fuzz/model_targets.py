"""The fuzzed readers of what belongs to any model: its card, its signature, its requests."""

import json
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from app.predict.codecs.tensors.json_format import TensorJson
from app.predict.codecs.tensors.npz_format import TensorNpz
from app.predict.codecs.tensors.safetensors_format import TensorSafetensors
from stateserve.model.cards.model_card import ModelCard
from stateserve.model.loading.card_file import read_any_card
from stateserve.model.signature import Signature
from tests import signature_models

LIMIT = 100
TWO_INPUTS = signature_models.two_inputs()
INSTANCES = TensorJson(TWO_INPUTS, LIMIT)
INSTANCES_OF_ANY_LENGTH = TensorJson(signature_models.tokens(), LIMIT)
NPZ, SAFETENSORS = TensorNpz(TWO_INPUTS, LIMIT), TensorSafetensors(TWO_INPUTS, LIMIT)


def load_model_card(content: bytes, folder: Path) -> None:
    """A card of schema version 2, which must read back the same."""
    path = folder / "model-card.json"
    path.write_bytes(content)
    card = read_any_card(path)
    assert type(card).model_validate(json.loads(card.to_json())) == card
    if isinstance(card, ModelCard):
        show(card.signature)


def read_signature(content: bytes) -> None:
    with suppress(ValidationError):
        signature = Signature.model_validate_json(content)
        assert Signature.model_validate_json(signature.model_dump_json()) == signature
        show(signature)


def show(signature: Signature) -> None:
    assert all(len(line.splitlines()) == 1 for line in signature.lines)
