"""Unusual tensors in checkpoints: shared, with negative strides, too long; and their memory."""

import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stateserve.checkpoint.writers.encode import CODECS, encode_state
from stateserve.errors import CheckpointError, UnreadableCheckpoint
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.checkpoint import save_checkpoint
from stateserve.model.predictor import Predictor
from tests.checkpoints import make_card
from tests.memory import SPARE, peak_growth
from tests.states import read_tensors

SUFFIXES = sorted(CODECS)
PICKLED = [".pth", ".pickle"]
BASE = torch.arange(6, dtype=torch.float32)


class View:
    """Pickled as a view of BASE, of any size and stride, also ones that torch refuses."""

    def __init__(self, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.described = BASE._typed_storage(), offset, size, stride, False, {}

    def __reduce__(self) -> tuple[object, ...]:
        return torch._utils._rebuild_tensor_v2, self.described


def write(path: Path, state: dict[str, object]) -> Path:
    if path.suffix == ".pth":
        torch.save(state, path)
    else:
        path.write_bytes(pickle.dumps(state, 4))
    return path


@pytest.mark.parametrize("suffix", PICKLED)
def test_a_view_within_its_storage_is_read(tmp_path: Path, suffix: str) -> None:
    state = read_tensors(write(tmp_path / f"model{suffix}", {"w": View(1, (2, 2), (1, 2))}))
    assert state["w"].tolist() == [[1, 3], [2, 4]]


OUTSIDE = {
    "a negative stride": View(5, (6,), (-1,)),
    "a negative stride of nothing": View(0, (0,), (-1,)),
    "a negative size": View(0, (-1,), (1,)),
    "a negative offset": View(-1, (2,), (1,)),
    "one element past the end": View(1, (6,), (1,)),
    "a stride past the end": View(0, (2, 2), (5, 1)),
    "a product that overflows": View(0, (2**32, 2**32), (0, 0)),
    "a stride that overflows": View(0, (3,), (2**62,)),
    "sizes without strides": View(0, (6,), ()),
}


@pytest.mark.parametrize("suffix", PICKLED)
@pytest.mark.parametrize("view", OUTSIDE.values(), ids=OUTSIDE)
def test_a_view_outside_its_storage_is_refused(tmp_path: Path, suffix: str, view: View) -> None:
    path = write(tmp_path / f"model{suffix}", {"w": view})
    with pytest.raises(CheckpointError) as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", PICKLED)
def test_tensors_that_share_a_storage_do_not_once_they_are_read(
    tmp_path: Path, suffix: str
) -> None:
    state = read_tensors(write(tmp_path / f"model{suffix}", {"a": BASE, "b": BASE[2:4]}))
    state["a"].zero_()
    assert state["b"].tolist() == [2, 3]


@pytest.mark.parametrize("suffix", PICKLED)
def test_a_tensor_of_many_names_is_read_once(tmp_path: Path, suffix: str) -> None:
    large = torch.arange(100_000, dtype=torch.float32)
    path = write(tmp_path / f"model{suffix}", {f"w{number}": large for number in range(100)})
    state = read_tensors(path)
    assert all(torch.equal(tensor, large) for tensor in state.values())
    assert len({tensor.data_ptr() for tensor in state.values()}) == 1


SHARED = torch.zeros(2**18)
BOMBS = {
    "different tensors share memory: they have": {f"w{n}": SHARED[n:] for n in range(80)},
    "tensors have so many names": {f"w{n}": SHARED for n in range(2000)},
    "'w' claims more elements than the file holds: 67108864 are repeated from 1, as expand": {
        "w": torch.zeros(1).expand(2**26)
    },
    "tensors repeat their own elements, as expand does .'w0', 'w1', 'w2' and 17 more.: they": {
        f"w{n}": torch.full((1,), n).expand(2**20) for n in range(20)
    },
}


# pickle.dump writes a storage for each view.
@pytest.mark.parametrize("reason", BOMBS)
def test_a_small_file_of_many_bytes_is_refused_unread(tmp_path: Path, reason: str) -> None:
    path = write(tmp_path / "model.pth", dict(BOMBS[reason]))
    assert peak_growth(lambda: refuse(path, reason)) < SPARE


def refuse(path: Path, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        read_tensors(path)


def test_a_pickle_without_a_memo_keeps_its_tensors_apart(tmp_path: Path) -> None:
    path = tmp_path / "model.pickle"
    state = {f"w{number}": torch.full((1000,), float(number)) for number in range(20)}
    # After the read, the pickle keeps no reference to a storage's bytes.
    path.write_bytes(pickletools.optimize(pickle.dumps(state, 4)))
    found = read_tensors(path)
    assert [tensor.unique().tolist() for tensor in found.values()] == [[n] for n in range(20)]


EXOTIC: dict[str, Callable[[], torch.Tensor]] = {
    "complex": lambda: torch.zeros(2, dtype=torch.complex64),
    "quantised": lambda: torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
    "quantised by channel": lambda: torch.quantize_per_channel(
        torch.ones(2, 2), torch.ones(2), torch.zeros(2), 0, torch.qint8
    ),
    "sparse": lambda: torch.eye(2).to_sparse_csr(),
    "conjugate": lambda: torch.zeros(2, dtype=torch.complex64).conj(),
}


@pytest.mark.parametrize("suffix", PICKLED)
@pytest.mark.parametrize("make", EXOTIC.values(), ids=EXOTIC)
@pytest.mark.filterwarnings("ignore:torch.quantize", "ignore:Sparse CSR")
def test_exotic_tensors_are_refused(
    tmp_path: Path, suffix: str, make: Callable[[], torch.Tensor]
) -> None:
    path = write(tmp_path / f"model{suffix}", {"w": make()})
    with pytest.raises(CheckpointError) as caught:
        read_tensors(path)
    assert "\n" not in str(caught.value)


def test_a_complex_safetensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(encode_state({"w": torch.zeros(2, dtype=torch.complex64)}, path))
    with pytest.raises(CheckpointError, match="complex64"):
        read_tensors(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reading_takes_at_most_one_and_a_half_times_the_file_beside_the_model(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"model{suffix}"
    # So large that the memory of a library's first use does not matter.
    state = {"hidden.weight": torch.ones(2**20, 12), "hidden.bias": torch.ones(2**20)}
    state |= {"output.weight": torch.ones(3, 2**20), "output.bias": torch.ones(3)}
    card = make_card(Multiclass.from_state(state))
    save_checkpoint(state, card, path)
    assert peak_growth(lambda: Predictor.load(path)) < 2.5 * path.stat().st_size


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_large_file_that_is_refused_takes_no_more(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(encode_state({"w": torch.ones(2**24)}, path)[:-4096])

    def read() -> None:
        with pytest.raises(UnreadableCheckpoint):
            read_tensors(path)

    size = path.stat().st_size
    assert peak_growth(read) < 2.5 * size
