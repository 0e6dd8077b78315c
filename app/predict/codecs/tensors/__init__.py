"""The formats of a model with any module: bodies to named arrays, and outputs to bodies."""
