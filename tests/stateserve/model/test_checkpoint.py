"""State and card: written and read as a pair, refused with one line."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stateserve.checkpoint.read import read_state
from stateserve.checkpoint.state_hash import state_sha256
from stateserve.checkpoint.writers.encode import CODECS
from stateserve.errors import CardMismatch, CheckpointError, StateMismatch
from stateserve.model.architectures.multiclass import Multiclass
from stateserve.model.cards.card_location import card_path
from stateserve.model.checkpoint import load_checkpoint, save_checkpoint
from stateserve.model.conversion.convert import convert_model
from stateserve.model.predictor import Predictor
from tests.checkpoints import make_card
from tests.project import IRIS
from tests.states import read_tensors

WriteModel = Callable[..., Path]


def test_the_articles_own_loader_accepts_our_file() -> None:
    model = Multiclass()
    assert str(model.load_state_dict(torch.load(IRIS))) == "<All keys matched successfully>"
    assert list(torch.load(IRIS)) == [
        "hidden.weight",
        "hidden.bias",
        "output.weight",
        "output.bias",
    ]


def test_a_conversion_through_every_format_keeps_state_card_and_hash(tmp_path: Path) -> None:
    source = IRIS
    for suffix in [".safetensors", ".pickle", ".pth"]:
        target = tmp_path / f"iris{suffix}"
        convert_model(source, target)
        source = target
        assert Predictor.load(target).state_sha256 == state_sha256(torch.load(IRIS))


def test_the_hash_sees_names_shapes_dtypes_and_values() -> None:
    base = {"a": torch.zeros(2, 3), "b": torch.ones(1)}
    others = [
        {"a": torch.zeros(3, 2), "b": torch.ones(1)},
        {"a": torch.zeros(2, 3), "c": torch.ones(1)},
        {"a": torch.zeros(2, 3), "b": torch.full((1,), 1 + 1e-6)},
        {"a": torch.zeros(2, 3, dtype=torch.int32), "b": torch.ones(1)},
    ]
    assert len({state_sha256(state) for state in [base, *others]}) == 5
    assert state_sha256(dict(reversed(base.items()))) == state_sha256(base)


@pytest.mark.parametrize("suffix", sorted(CODECS))
def test_one_flipped_bit_is_found(write_model: WriteModel, suffix: str) -> None:
    path = write_model(suffix)
    weights = read_state(path)["output.weight"].tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(weights) + 1] ^= 1
    path.write_bytes(content)
    # A .pth has its own checksum, which torch does not check.
    found = r"Bad CRC-32" if suffix == ".pth" else r"the card is of state \w{12}, but made"
    with pytest.raises(CheckpointError, match=found):
        load_checkpoint(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused(write_model: WriteModel, value: float) -> None:
    module = Multiclass().eval()
    path = write_model(module=module)
    with torch.no_grad():
        module.output.bias[1] = value
    save_checkpoint(module.state_dict(), make_card(Multiclass().eval()), path)
    with pytest.raises(StateMismatch, match=r"'output\.bias' has 1 NaN or infinite values"):
        load_checkpoint(path)


def test_an_empty_state_is_refused_where_no_code_makes_sense_of_it(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "model.pth")
    with pytest.raises(StateMismatch, match="holds an empty state_dict"):
        load_checkpoint(tmp_path / "model.pth")


def test_keys_that_do_not_fit_are_listed_sorted() -> None:
    state = Multiclass().state_dict()
    state["zeta"] = state.pop("output.bias")
    state["alpha"] = state.pop("hidden.bias")
    state["output.weight"] = torch.zeros(3, 9)
    with pytest.raises(StateMismatch) as caught:
        Multiclass.from_state(state)
    assert str(caught.value) == (
        "the state does not fit Multiclass (float32 hidden.weight [hidden, features], "
        "hidden.bias [hidden], output.weight [classes, hidden], output.bias [classes]): "
        "missing hidden.bias, output.bias; "
        "unexpected 'alpha', 'zeta'; output.weight has shape [3, 9], not [3, 8]; "
        "it has 4 entries: hidden 1, output 1, zeta 1, alpha 1"
    )


def test_a_wrong_dtype_is_refused() -> None:
    with pytest.raises(StateMismatch, match=r"hidden\.bias is torch\.float64, not torch\.float32"):
        Multiclass.from_state(Multiclass().double().state_dict())


def test_cards_that_are_not_the_models_are_refused(write_model: WriteModel) -> None:
    path = write_model()
    good = make_card(Predictor.load(path).module)
    golden = good.golden.model_copy(update={"log_probabilities": [[-1.0, -1.0, -1.0]]})
    narrow = good.model_copy(update={"classes": ["a", "b"]})
    cases = {
        b"": "not JSON",
        good.to_json().replace(b'"name": ', b'"name": "", "name": ', 1): "the key 'name' stands",
        b'{"schema_version": 2}': "the card of a model with its own code",
        good.model_copy(update={"golden": golden}).to_json(): "not reproduced: it is off by",
        narrow.to_json(): "4 features and 2 classes, the state 4 and 3",
        good.to_json().replace(b'"name": "x1"', b'"name": "x0"'): "repeats x0",
    }
    for content, reason in cases.items():
        card_path(path).write_bytes(content)
        with pytest.raises(CardMismatch, match=reason) as caught:
            Predictor.load(path)
        assert "\n" not in str(caught.value)
        assert str(path.parent) in str(caught.value)
    card_path(path).unlink()
    card_path(path).symlink_to("nowhere.json")
    with pytest.raises(CardMismatch, match="No such file"):
        Predictor.load(path)


def test_convert_takes_the_state_of_a_whole_module_without_its_code(tmp_path: Path) -> None:
    module, source = Multiclass(batch_norm=True), tmp_path / "module.pth"
    torch.save(module, source)
    target = tmp_path / "state.safetensors"
    convert_model(source, target)
    found, wanted = read_tensors(target), module.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


class Custom:
    """An object whose tensors only its own code could find."""

    def __init__(self, state: dict[str, torch.Tensor] | None = None) -> None:
        self.state = state

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return _restored, (pickle.dumps(self.state),)


def _restored(content: bytes) -> object:
    return pickle.loads(content)


def test_convert_runs_the_code_of_a_file_only_when_trusted(tmp_path: Path) -> None:
    source, target = tmp_path / "custom.pth", tmp_path / "state.pth"
    torch.save(Custom({"weight": torch.ones(2)}), source)
    with pytest.raises(CheckpointError, match=r"_restored.*--trust-pickle \S+ \S+ runs"):
        convert_model(source, target)
    assert not target.exists()
    convert_model(source, target, trust_pickle=True)
    assert read_tensors(target)["weight"].tolist() == [1, 1]


def test_a_trusted_pickle_of_a_scripts_own_class_is_converted(tmp_path: Path) -> None:
    # The output of a script that defines Multiclass itself, as the article does.
    content = pickle.dumps(Multiclass(), protocol=0)
    (tmp_path / "module.pickle").write_bytes(
        content.replace(b"stateserve.model.architectures.multiclass", b"__main__")
    )
    convert_model(tmp_path / "module.pickle", tmp_path / "state.pth", trust_pickle=True)
    assert len(read_state(tmp_path / "state.pth")) == 4


def test_a_failed_write_leaves_the_old_pair_and_nothing_else(write_model: WriteModel) -> None:
    path = write_model()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    # A folder has the card's name, so that the rename fails.
    blocked = path.parent / "blocked.pth"
    card_path(blocked).mkdir()
    with pytest.raises(OSError, match="directory"):
        save_checkpoint(Multiclass().state_dict(), make_card(Multiclass().eval()), blocked)
    left = {file.name for file in path.parent.iterdir()}
    assert {file.name: file.read_bytes() for file in path.parent.glob("made.*")} == before
    assert not [name for name in left if name.startswith(".")]
    assert path.stat().st_mode & 0o777 == 0o644
