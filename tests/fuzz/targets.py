"""The fuzzed functions: each accepts any bytes, and raises only REFUSALS."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from app.errors import RequestError
from app.predict.codecs.arrow import ArrowFormat
from app.predict.codecs.instance_decoder import InstanceDecoder
from app.predict.codecs.json_request import parse_instances
from app.predict.codecs.npy import NpyFormat
from stateserve.checkpoint.formats import encode_state, read_state
from stateserve.errors import CheckpointError
from stateserve.inspect.entries import describe_state
from stateserve.model.card import card_path
from stateserve.model.predictor import Predictor
from tests.fuzz.seeds import IRIS, archive, pickled_tensor

REFUSALS = (CheckpointError, RequestError)
MODEL = Predictor.load(IRIS)
LIMIT = 100
# The folder of checkpoints; a target may write only there.
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))


def load(content: bytes, suffix: str) -> None:
    """Read a file as `stateserve inspect` and `stateserve convert` do, then as the service does."""
    path = FOLDER / f"model{suffix}"
    path.write_bytes(content)
    card_path(path).write_bytes(card_path(IRIS).read_bytes())
    state = read_state(path)
    describe_state(state)
    encode_state(state, Path("any.safetensors"))
    Predictor.load(path)


def load_card(content: bytes) -> None:
    path = FOLDER / "carded.pth"
    path.write_bytes(IRIS.read_bytes())
    card_path(path).write_bytes(content)
    predictor = Predictor.load(path)
    assert predictor.card.model_validate_json(predictor.card.to_json()) == predictor.card
    _ = predictor.card.scales, predictor.ranges, predictor.novelty


DECODER = InstanceDecoder(MODEL.card, LIMIT)


def decode_json(body: bytes) -> None:
    """Both parsers, which must agree."""
    fast = _outcome(DECODER.decode, body)
    assert fast == _outcome(lambda body: parse_instances(body, MODEL.card, LIMIT), body)


def _outcome(decode: Callable[[bytes], object], body: bytes) -> object:
    try:
        instances = decode(body)
    except RequestError as error:
        return type(error), vars(error)
    return instances.single, instances.rows.dtype, instances.rows.tolist()


NPY = NpyFormat(MODEL, LIMIT)
ARROW = ArrowFormat(MODEL, LIMIT)
TARGETS: dict[str, Callable[[bytes], object]] = {
    "pth": lambda content: load(content, ".pth"),
    # The checksums of an archive refuse most mutations, so its parts are mutated before.
    "pth-pickle": lambda content: load(archive(content), ".pth"),
    "pickle": lambda content: load(content, ".pickle"),
    "pickle-storage": lambda content: load(pickled_tensor(content), ".pickle"),
    "safetensors": lambda content: load(content, ".safetensors"),
    "card": load_card,
    "json": decode_json,
    "npy": NPY.decode,
    "arrow": ARROW.decode,
}
