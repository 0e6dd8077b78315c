"""A path is read once, whatever its type, and whatever process writes to it meanwhile."""

import threading
from pathlib import Path

import pytest

from stateserve.checkpoint.files import read_regular_file
from stateserve.checkpoint.state_hash import state_sha256
from stateserve.checkpoint.writers.encode import encode_state
from stateserve.errors import CheckpointError, UnreadableCheckpoint
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.card_location import card_path
from stateserve.model.checkpoint import load_checkpoint
from tests.checkpoints import make_card, save_model


def test_a_link_within_its_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_regular_file(tmp_path / "link") == b"content"


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "first").symlink_to("second")
    (tmp_path / "second").symlink_to("first")
    with pytest.raises(UnreadableCheckpoint, match="Too many levels of symbolic links"):
        read_regular_file(tmp_path / "first")


@pytest.mark.skipif(
    Path("/proc/sys/vm/overcommit_memory").read_text() == "1\n", reason="all memory is promised"
)
def test_a_file_that_claims_terabytes_takes_no_memory(tmp_path: Path) -> None:
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(2**43)
    with pytest.raises(UnreadableCheckpoint, match="larger than the memory"):
        read_regular_file(tmp_path / "holes")


def test_a_file_of_another_length_than_it_had_is_refused() -> None:
    # The kernel generates this file on read, and reports size 0 before.
    with pytest.raises(UnreadableCheckpoint, match="changed while it was read"):
        read_regular_file(Path("/proc/self/status"))


def test_a_checkpoint_rewritten_in_place_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    modules = [Multiclass(4, hidden, 3).eval() for hidden in (20_000, 30_000)]
    pairs = [
        (encode_state(module.state_dict(), path), make_card(module).to_json()) for module in modules
    ]
    whole = {state_sha256(module.state_dict()) for module in modules}
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for state, card in pairs:
                path.write_bytes(state)
                card_path(path).write_bytes(card)

    save_model(path)
    # Read before the writer's first change, if at all.
    before = state_sha256(load_checkpoint(path)[0])
    writer = threading.Thread(target=rewrite)
    writer.start()
    outcomes: set[str] = set()
    try:
        for _ in range(150):
            try:
                outcomes.add(state_sha256(load_checkpoint(path)[0]))
            except CheckpointError:
                outcomes.add("refused")
    finally:
        stop.set()
        writer.join()
    assert "refused" in outcomes
    assert outcomes - {"refused", before} <= whole
    assert state_sha256(load_checkpoint(path)[0]) in whole
