"""A program computes what the exported module computes, with its own state or another."""

import copy
import io
import threading
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from stateserve.errors import StateMismatch
from stateserve.model.architectures.exported_program import ProgramModule, TensorSpec, read_program
from tests.programs import exported, small, small_archive

ROWS = torch.linspace(-2, 2, 12).reshape(3, 4)


def read(content: bytes, state: dict[str, Tensor] | None = None) -> ProgramModule:
    return read_program(content, "program.pt2", state)


def test_the_outputs_are_those_of_the_module_and_of_torchs_own_reader() -> None:
    program = read(small_archive())
    loaded = torch.export.load(io.BytesIO(small_archive())).module()
    for rows in (ROWS, ROWS[:1]):
        assert torch.equal(program(rows), small()(rows))
        assert torch.equal(program(x=rows), loaded(rows))


def test_the_signature_names_inputs_and_outputs() -> None:
    program = read(small_archive())
    (given,), (found,) = program.inputs, program.outputs
    assert replace(given, symbols=()) == TensorSpec("x", torch.float32, (-1, 4))
    assert replace(found, symbols=()) == TensorSpec("output", torch.float32, (-1, 3))
    rows, columns = given.symbols
    assert rows is not None
    assert columns is None
    assert found.symbols == (rows, None)


def test_parameters_and_buffers_have_the_modules_names() -> None:
    program, module = read(small_archive()), small()
    assert not program.training
    state = program.state_dict()
    assert state.keys() == module.state_dict().keys()
    assert all(torch.equal(state[name], each) for name, each in module.state_dict().items())
    for names in ("named_parameters", "named_buffers"):
        found = dict(getattr(program, names)())
        assert found.keys() == dict(getattr(module, names)()).keys()


def test_another_state_gives_that_states_outputs_to_the_last_bit() -> None:
    other = small()
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.add_(1)
    program = read(small_archive(), other.state_dict())
    assert torch.equal(program(ROWS), other(ROWS))
    # Constants and transient buffers are those of the program.
    assert torch.equal(dict(program.named_buffers())["scale"], torch.full((3,), 2.0))


def test_a_state_that_does_not_fit_is_refused_with_its_keys() -> None:
    state = small().state_dict()
    state["layer.bias"] = torch.zeros(5)
    state["extra"] = torch.zeros(1)
    del state["norm.weight"]
    with pytest.raises(StateMismatch) as refused:
        read(small_archive(), state)
    assert "missing norm.weight" in str(refused.value)
    assert "unexpected 'extra'" in str(refused.value)
    assert "layer.bias has shape [5], not [3]" in str(refused.value)


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(4, 4)
        self.decoder = nn.Linear(4, 4)
        self.decoder.weight = self.encoder.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))


def test_tied_weights_stay_one_tensor() -> None:
    module = Tied().eval()
    content = exported(module, ROWS)
    state = {name: each.clone() + 1 for name, each in module.state_dict().items()}
    without = {name: each for name, each in state.items() if name != "decoder.weight"}
    module.load_state_dict(state)
    for given in (state, without):
        program = read(content, given)
        encoder, decoder = (program.get_parameter(f"{n}.weight") for n in ("encoder", "decoder"))
        assert encoder is decoder
        assert torch.equal(program(ROWS), module(ROWS))
    state["decoder.weight"] = state["encoder.weight"] + 1
    with pytest.raises(StateMismatch, match="one tensor"):
        read(content, state)


def test_a_copy_and_another_dtype_are_independent() -> None:
    program = read(small_archive())
    twin = copy.deepcopy(program)
    with torch.no_grad():
        twin.get_parameter("layer.bias").add_(1)
    assert torch.equal(program(ROWS), small()(ROWS))
    assert not torch.equal(twin(ROWS), program(ROWS))
    assert program.to("meta").get_buffer("scale").is_meta


def test_threads_read_and_call_programs_at_once() -> None:
    found: list[Tensor] = []
    threads = [
        threading.Thread(target=lambda: found.append(read(small_archive())(ROWS))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(torch.equal(each, small()(ROWS)) for each in found)
