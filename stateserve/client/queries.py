"""The query parameters of a request, and the model that its path names."""

from collections.abc import Mapping

from stateserve.client.explanations import Choices
from stateserve.client.predictions import PredictOptions, Target


def query_of(options: Mapping[str, object]) -> dict[str, str]:
    """The query parameters of options that are given; model and version stand in the path."""
    return {
        name: str(wanted).lower() if isinstance(wanted, bool) else str(wanted)
        for name, wanted in options.items()
        if wanted is not None and wanted is not False and name not in ("model", "version")
    }


def target_of(options: PredictOptions | Choices) -> Target:
    return {"model": options.get("model"), "version": options.get("version")}
