"""The signature of any module, found by running it on an example, and its golden outputs.

A signature is returned only if each row alone gives what it gives in a batch.
"""

from stateserve.model.signature_inference.example import Example
from stateserve.model.signature_inference.hints import Hints
from stateserve.model.signature_inference.inferred import Inferred, infer
from stateserve.model.signature_inference.made_example import example_of

__all__ = ["Example", "Hints", "Inferred", "example_of", "infer"]
