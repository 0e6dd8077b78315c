"""Our .proto, the code generated from it, and Triton's own agree on every name and number."""

import re

import pytest
from google.protobuf.descriptor import Descriptor
from tritonclient.grpc import model_config_pb2, service_pb2

from app.grpc import open_inference_pb2 as ours
from tests.project import ROOT

SERVICE = "GRPCInferenceService"


def fields(message: Descriptor) -> dict[str, tuple[object, ...]]:
    return {
        field.name: (
            field.number,
            field.type,
            field.is_repeated,
            field.message_type and field.message_type.name,
        )
        for field in message.fields
    }


def every(messages: dict[str, Descriptor]) -> dict[str, Descriptor]:
    found = dict(messages)
    for name, message in messages.items():
        nested = every(message.nested_types_by_name)
        found |= {f"{name}.{inner}": each for inner, each in nested.items()}
    return found


OURS = every(ours.DESCRIPTOR.message_types_by_name)
THEIRS = every(service_pb2.DESCRIPTOR.message_types_by_name) | every(
    model_config_pb2.DESCRIPTOR.message_types_by_name
)


@pytest.mark.parametrize("name", OURS)
def test_each_field_is_theirs(name: str) -> None:
    assert fields(OURS[name]).items() <= fields(THEIRS[name]).items()


def test_each_verb_takes_and_gives_what_theirs_does() -> None:
    mine, theirs = (
        {
            method.name: (method.input_type.name, method.output_type.name)
            for method in file.DESCRIPTOR.services_by_name[SERVICE].methods
        }
        for file in (ours, service_pb2)
    )
    assert mine.items() <= theirs.items()


def test_the_datatypes_have_their_numbers() -> None:
    mine, theirs = (file.DataType.items() for file in (ours, model_config_pb2))
    assert set(mine) <= set(theirs)


def test_the_generated_code_is_that_of_the_proto() -> None:
    text = (ROOT / "app/grpc/open_inference.proto").read_text()
    # protoc generates a message for the entries of a map.
    described = [
        (field.name, str(field.number))
        for name, message in OURS.items()
        if not message.GetOptions().map_entry
        for field in message.fields
    ]
    values = [(name, str(number)) for name, number in ours.DataType.items()]
    written = re.findall(r"^\s*(?:(?:repeated )?[\w<>, ]+ )?(\w+) = (\d+);$", text, re.MULTILINE)
    assert sorted(written) == sorted(described + values)
    verbs = re.findall(r"^  rpc (\w+)\(", text, re.MULTILINE)
    assert verbs == list(ours.DESCRIPTOR.services_by_name[SERVICE].methods_by_name)
