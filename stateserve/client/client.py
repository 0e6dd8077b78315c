"""Call a running service: `Client`; AsyncClient has the same methods as coroutines.

    client = Client("http://127.0.0.1:8000")
    print(client.predict({"sepal_length": 5.1, ...}).label)

All methods but feedback only read. A request is retried after 503, 429 or a lost connection, for
at most `patience` seconds. After that, and after every other failure, a method raises NoAnswer or
Problem, both ClientError. A request has `total_timeout` seconds for its whole answer, with all
attempts; httpx's `timeout` is that of each read alone. `key` is an API key, sent with each request.
Other options are httpx's: headers, timeout, verify, transport, limits. A client may be a context
manager.

Threads, or tasks of one event loop, may share a client. At most 32 requests are in flight, or as
many as `limits` allows connections; others wait in a queue, first in, first out. Time in the queue
does not count: `total_timeout` and `patience` start when the request is first sent.
"""

import weakref
from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Self, Unpack, overload

from stateserve.errors import MissingExtra

try:
    import httpx
except ModuleNotFoundError:
    raise MissingExtra("stateserve.client needs httpx: pip install httpx") from None

from stateserve.checkpoint import Array
from stateserve.client.arrays import ArrayLike
from stateserve.client.chunks import progress_of
from stateserve.client.columns import Predictions
from stateserve.client.connection import (
    PATIENCE_SECONDS,
    TOTAL_SECONDS,
    checking_options,
    connection_options,
    limit_answers,
    most_requests,
)
from stateserve.client.exchanges import Exchanges
from stateserve.client.explanations import Choices, Explanation, PictureFile
from stateserve.client.frames import Frame
from stateserve.client.instances import Instance, Item, Picture
from stateserve.client.instances import PictureFile as GivenFile
from stateserve.client.listing import ModelList, StateDiff
from stateserve.client.predictions import (
    Prediction,
    PredictionList,
    PredictOptions,
    RowsOptions,
    TablePredictions,
    Target,
    Values,
)
from stateserve.client.remote_state import RemoteState
from stateserve.client.sending import Sender
from stateserve.model import Card, ModelCard

if TYPE_CHECKING:
    from torch import Tensor

    from stateserve.model import ModelView


class Client:
    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: float = PATIENCE_SECONDS,
        total_timeout: float | None = TOTAL_SECONDS,
        **options: object,
    ) -> None:
        checked = connection_options(url, key, options, httpx.BaseTransport)
        with checking_options():
            self._http = httpx.Client(**checked)
        limit_answers(self._http)
        # A client that is no longer used need not be closed by hand.
        weakref.finalize(self, self._http.close)
        self._exchanges = Exchanges(self._http.build_request, patience, total_timeout)
        self._run = Sender(self._http, most_requests(checked), total_timeout).run

    # A text is also an iterable of texts; a text alone is the path of a file.
    @overload
    def predict(  # type: ignore[overload-overlap]
        self, instances: Instance | GivenFile | Picture, **details: Unpack[RowsOptions]
    ) -> Prediction: ...
    @overload
    def predict(self, instances: Frame, **details: Unpack[RowsOptions]) -> Frame: ...
    @overload
    def predict(
        self, instances: "Tensor", **details: Unpack[RowsOptions]
    ) -> "Predictions[Tensor]": ...
    @overload
    def predict(
        self, instances: ArrayLike, **details: Unpack[RowsOptions]
    ) -> Predictions[Array]: ...
    @overload
    def predict(
        self, instances: Iterable[Item], **details: Unpack[RowsOptions]
    ) -> PredictionList: ...
    def predict(self, instances: object, **details: Unpack[RowsOptions]) -> object:
        """Predict one instance, or many; answers are in the order of the instances.

        | instances | answer |
        | --- | --- |
        | a dict by feature or input name | Prediction |
        | a picture: the path of its file, its bytes, an image of PIL | Prediction |
        | a list of them | PredictionList |
        | a DataFrame of pandas, polars, or another library of narwhals | a DataFrame of the same |
        | an array (rows, ...) of the only input, or one row | Predictions of arrays |
        | a tensor of torch | Predictions of tensors |

        A DataFrame's answer has the columns `class` and `probability_CLASS`, or those of the
        outputs, and the index of pandas. A missing value is None, NaN or pandas.NA. More rows than
        the service takes at once are sent in several requests; `progress=True` draws a bar, and a
        function is called with the rows done and their total. `version` and `model` choose who
        answers; `skip_bad_rows` leaves out the rows of a DataFrame with a cell that cannot be read,
        and warns of them; Details has the other options. Raises ClientError.
        """
        with progress_of(details.pop("progress", False)) as show:
            return self._run(self._exchanges.predict(instances, details, show))

    def predict_table(
        self, path: str | PathLike[str], **details: Unpack[RowsOptions]
    ) -> TablePredictions:
        """Predict each row of a table: CSV in any usual form, .gz, .parquet, .feather or .xlsx.

        If the table still has its target, the answer has the `score`. With `skip_bad_rows`, a row
        with a cell that cannot be read is left out: `table` of the answer has the rows of the file
        that are answered, and what is wrong with the others. Raises ClientError, or TableError,
        which names file, column and row.
        """
        with progress_of(details.pop("progress", False)) as show:
            return self._run(self._exchanges.predict_table(path, details, show))

    def predict_body(
        self, content: bytes, media_type: str, **details: Unpack[PredictOptions]
    ) -> PredictionList:
        """Predict a body in a media type of /predict, such as image/png or application/x-npy."""
        return self._run(self._exchanges.predict_body(content, media_type, details))

    def explain(
        self, instance: Instance | GivenFile | Picture | ArrayLike, **choices: Unpack[Choices]
    ) -> Explanation:
        """The contribution of each value of one instance to its class, or to `target`."""
        return self._run(self._exchanges.explain(instance, choices))

    def explain_picture(
        self, instance: Instance | GivenFile | Picture | ArrayLike, **choices: Unpack[Choices]
    ) -> PictureFile:
        """The same as a PNG over the input: blue raises the score, red lowers it."""
        return self._run(self._exchanges.explain_picture(instance, choices))

    def feedback(
        self,
        prediction: Prediction | str,
        true_class: str | None = None,
        *,
        value: Values | None = None,
    ) -> None:
        """Send the true class of a logged prediction, or the true `value` or values of its first
        output without classes; later feedback replaces earlier."""
        self._run(self._exchanges.feedback(prediction, true_class, value))

    def models(self) -> ModelList:
        """Every model of the service, with its versions and their states."""
        return self._run(self._exchanges.models())

    def diff(self, first: str | int, second: str | int, *, model: str | None = None) -> StateDiff:
        """The differences of two versions' states, second minus first."""
        return self._run(self._exchanges.diff(first, second, model))

    def model(self, **target: Unpack[Target]) -> "ModelView":
        """Name, version, architecture and model card. Imports torch, as the service does."""
        return self._run(self._exchanges.model(target))

    def card(self, **target: Unpack[Target]) -> Card | ModelCard:
        """The model card alone: features with units and ranges, classes, metrics; of a model with
        any module inputs and outputs."""
        return self._run(self._exchanges.card(target))

    def state(self, **target: Unpack[Target]) -> dict[str, "Tensor"]:
        """The state_dict as torch tensors on the CPU, ready for load_state_dict."""
        return self._run(self._exchanges.state(target))

    def arrays(self, **target: Unpack[Target]) -> dict[str, Array]:
        """The state_dict as NumPy arrays; torch is not imported."""
        return self._run(self._exchanges.arrays(target))

    def open_state(self, **target: Unpack[Target]) -> RemoteState:
        """The same as arrays() for a large state: each array is downloaded when it is used."""

        def download(name: str) -> Array:
            return self.array(name, **target)

        return RemoteState(self._run(self._exchanges.entries(target)), download)

    def tensor(self, name: str, slice: str | None = None, **target: Unpack[Target]) -> "Tensor":
        """One tensor, or a slice of it written as NumPy does: "0:2,1"."""
        return self._run(self._exchanges.tensor(name, slice, target))

    def array(self, name: str, slice: str | None = None, **target: Unpack[Target]) -> Array:
        """As tensor(), as a NumPy array."""
        return self._run(self._exchanges.array(name, slice, target))

    def ready(self) -> bool:
        """Whether the service is ready; not retried, and False if there is no answer."""
        return self._run(self._exchanges.ready())

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
