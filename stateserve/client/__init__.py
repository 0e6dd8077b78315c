"""A client of the service: `Client`, and `AsyncClient` with the same methods as coroutines.

Raises ClientError, whose text is one line. Needs `pip install '.[client]'`; its types do not.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.client.async_client import AsyncClient as AsyncClient
    from stateserve.client.client import Client as Client
    from stateserve.client.columns import Predictions as Predictions
    from stateserve.client.explanations import Explanation as Explanation
    from stateserve.client.instances import Instance as Instance
    from stateserve.client.instances import encode_instances as encode_instances
    from stateserve.client.listing import ModelList as ModelList
    from stateserve.client.listing import StateDiff as StateDiff
    from stateserve.client.predictions import Details as Details
    from stateserve.client.predictions import Novelty as Novelty
    from stateserve.client.predictions import Prediction as Prediction
    from stateserve.client.predictions import PredictionList as PredictionList
    from stateserve.client.predictions import RangeWarning as RangeWarning
    from stateserve.client.predictions import TablePredictions as TablePredictions
    from stateserve.client.predictions import decode_any as decode_any
    from stateserve.client.predictions import decode_predictions as decode_predictions
    from stateserve.client.predictions import record_type as record_type

__getattr__ = lazy_exports(
    __name__,
    {
        "async_client": ("AsyncClient",),
        "client": ("Client",),
        "columns": ("Predictions",),
        "explanations": ("Explanation",),
        "instances": ("Instance", "encode_instances"),
        "listing": ("ModelList", "StateDiff"),
        "predictions": (
            "Details",
            "Novelty",
            "Prediction",
            "PredictionList",
            "RangeWarning",
            "TablePredictions",
            "decode_any",
            "decode_predictions",
            "record_type",
        ),
    },
)
