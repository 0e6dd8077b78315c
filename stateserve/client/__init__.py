"""A client of the service: `Client`, and `AsyncClient` with the same methods as coroutines.

Raises ClientError, whose text is one line. Needs `pip install '.[client]'`; its types do not.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.client.client import AsyncClient as AsyncClient
    from stateserve.client.client import Client as Client
    from stateserve.client.predictions import Details as Details
    from stateserve.client.predictions import Instance as Instance
    from stateserve.client.predictions import Novelty as Novelty
    from stateserve.client.predictions import Prediction as Prediction
    from stateserve.client.predictions import RangeWarning as RangeWarning
    from stateserve.client.predictions import decode_any as decode_any
    from stateserve.client.predictions import decode_predictions as decode_predictions
    from stateserve.client.predictions import encode_instances as encode_instances
    from stateserve.client.predictions import record_type as record_type

__getattr__ = lazy_exports(
    __name__,
    {
        "client": ("AsyncClient", "Client"),
        "predictions": (
            "Details",
            "Instance",
            "Novelty",
            "Prediction",
            "RangeWarning",
            "decode_any",
            "decode_predictions",
            "encode_instances",
            "record_type",
        ),
    },
)
