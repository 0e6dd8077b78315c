"""The error of training."""


class DataError(Exception):
    """The data cannot be used; the text is one line that names column and row."""
