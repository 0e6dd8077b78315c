"""The error of training."""

from stateserve.errors import cut


class DataError(Exception):
    """The data cannot be used; the text is one line that names column and row."""

    def __init__(self, text: str) -> None:
        super().__init__(cut(text))
