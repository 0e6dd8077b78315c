"""Read pickles as data: tensors and arrays lazily, all other objects as Opaque. Runs no code."""
