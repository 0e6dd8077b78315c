"""The answers of /predict: read, and checked against their request."""

from stateserve.client.answers.checks import require_outputs as require_outputs
from stateserve.client.answers.json_answers import reader as reader
from stateserve.client.answers.output_arrays import NPY as NPY
from stateserve.client.answers.output_arrays import SAFETENSORS as SAFETENSORS
from stateserve.client.answers.output_arrays import OutputPart as OutputPart
from stateserve.client.answers.output_arrays import joined as joined
from stateserve.client.answers.output_arrays import read_outputs as read_outputs
