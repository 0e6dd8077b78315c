"""The fuzzed functions: each accepts any bytes, and raises only REFUSALS."""

import math
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from app.errors import RequestError
from app.predict.codecs.arrow import ArrowFormat
from app.predict.codecs.json_decoder import InstanceDecoder
from app.predict.codecs.json_request import parse_instances
from app.predict.codecs.npy import NpyFormat
from app.predict.media_types import MediaType
from app.predict.pictures.decoder import decode_picture
from app.predict.pictures.file_formats import read_picture_file
from app.predict.pictures.multipart_body import read_files
from app.predict.pictures.picture_file import PictureError
from stateserve.checkpoint.checkpoint import Checkpoint
from stateserve.checkpoint.description import describe
from stateserve.checkpoint.state_hash import state_sha256
from stateserve.checkpoint.writers.encode import encode_state
from stateserve.errors import CheckpointError
from stateserve.inspect.entries import describe_state
from stateserve.model import ImageInput, Input
from stateserve.model.architectures.exported_program import read_program
from stateserve.model.cards.card_location import card_path
from stateserve.model.predictor import Predictor
from tests.fuzz.checkpoint_seeds import SHARD, distributed
from tests.fuzz.model_targets import (
    INSTANCES,
    INSTANCES_OF_ANY_LENGTH,
    NPZ,
    SAFETENSORS,
    load_model_card,
    read_signature,
)
from tests.fuzz.seeds import IRIS, archive, pickled_tensor, seeds
from tests.pictures import chunk
from tests.programs import PROGRAM, small_archive, with_entry

REFUSALS = (CheckpointError, RequestError)
MODEL = Predictor.load(IRIS)
LIMIT = 100
MAX_PIXELS = 10**6
# The folder of checkpoints; a target may write only there.
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))
LOOKED = FOLDER / "looked"


def prepare() -> None:
    """Write the files that others name, and import the modules that are imported late.

    To be called before a target runs: neither is the target's memory or code.
    """
    LOOKED.mkdir()
    (LOOKED / "shard.safetensors").write_bytes(SHARD)
    (LOOKED / "__0_0.distcp").write_bytes(distributed()[1])
    load_program(small_archive())
    decode_image(seeds("picture")[0])


def load(content: bytes, suffix: str) -> None:
    """Read a file as `stateserve inspect` and `stateserve convert` do, then as the service does."""
    path = FOLDER / f"model{suffix}"
    path.write_bytes(content)
    card_path(path).write_bytes(card_path(IRIS).read_bytes())
    checkpoint = Checkpoint.open(path)
    for node in checkpoint.walk():
        describe(node.value)
    state = checkpoint.read()
    describe_state(state)
    encode_state(state, Path("any.safetensors"))
    Predictor.load(path)


def look(content: bytes, name: str) -> None:
    """Look at a file as `stateserve inspect` does, and read all values in it."""
    path = LOOKED / name
    path.write_bytes(content)
    checkpoint = Checkpoint.open(path)
    for node in checkpoint.walk():
        describe(node.value)
    for state in checkpoint.states.values():
        state_sha256(checkpoint.read(state.key))


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


PICTURE = Input(
    name="x",
    dtype="float32",
    shape=[-1, 4, 8, 8],
    image=ImageInput(mode="RGBA", resize=8, crop=[8, 8]),
)


def decode_image(content: bytes) -> None:
    """Not if it has very many pixels: memory is bounded by their number."""
    with suppress(PictureError):
        if math.prod(read_picture_file(content).size) > MAX_PIXELS:
            return
    assert decode_picture(content, PICTURE).shape == (4, 8, 8)


def with_checksums(content: bytes) -> bytes:
    """A PNG whose chunks have their right checksums."""
    position, parts = 8, [content[:8]]
    while position + 12 <= len(content):
        end = position + 12 + int.from_bytes(content[position : position + 4], "big")
        parts.append(chunk(content[position + 4 : position + 8], content[position + 8 : end - 4]))
        position = end
    return b"".join(parts)


FORM = MediaType("multipart/form-data", {"boundary": "b"})


def load_program(content: bytes) -> None:
    read_program(content, "any.pt2")


ROWS = NpyFormat(MODEL, LIMIT)
ARROW = ArrowFormat(MODEL, LIMIT)
TARGETS: dict[str, Callable[[bytes], object]] = {
    "pth": lambda content: load(content, ".pth"),
    # The checksums of an archive refuse most mutations, so its parts are mutated before.
    "pth-pickle": lambda content: load(archive(content), ".pth"),
    "pickle": lambda content: load(content, ".pickle"),
    "pickle-storage": lambda content: load(pickled_tensor(content), ".pickle"),
    "safetensors": lambda content: load(content, ".safetensors"),
    "program": load_program,
    "program-graph": lambda content: load_program(with_entry(small_archive(), PROGRAM, content)),
    **{
        name: partial(look, name=file)
        for name, file in {
            **{"legacy": "model.pt", "script": "model.pt", "program-weights": "model.pt2"},
            **{"npz": "a.npz", "onnx": "model.onnx", "gguf": "model.gguf"},
            **{"container": "model.pkl", "index": "model.safetensors.index.json"},
            "distributed": ".metadata",
        }.items()
    },
    "card": load_card,
    "model-card": lambda content: load_model_card(content, FOLDER),
    "signature": read_signature,
    "instances": INSTANCES.decode,
    "instances-any-length": INSTANCES_OF_ANY_LENGTH.decode,
    "instances-npz": NPZ.decode,
    "instances-safetensors": SAFETENSORS.decode,
    "json": decode_json,
    "npy": ROWS.decode,
    "arrow": ARROW.decode,
    "picture": decode_image,
    "picture-chunks": lambda content: decode_image(with_checksums(content)),
    "multipart": lambda content: read_files(content, FORM),
}
