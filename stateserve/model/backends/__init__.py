"""The programs that run a forward pass: PyTorch's eager mode, or ONNX Runtime.

Each maps named arrays to named arrays. A backend may hold threads and memory of a device, so it
is opened in the process that uses it.
"""
