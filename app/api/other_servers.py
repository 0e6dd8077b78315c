"""Requests of other model servers, and what they are here."""

import re
from urllib.parse import quote

from app.settings import is_version

# Of TorchServe, TensorFlow Serving, KServe, MLflow and SageMaker: the method and the path of a
# request, in which NAME and VERSION are any.
HERE = {
    r"\w+ /ping": "it is GET /health/ready",
    r"\w+ /(?:health|healthz|livez|readyz)": "it is GET /health/ready or /health/live",
    r"\w+ /(?:invocations|predictions)": "it is POST /predict",
    r"\w+ /predictions/NAME": "it is POST /models/{name}/predict",
    r"\w+ /predictions/NAME/VERSION": "it is POST /models/{name}/versions/{version}/predict",
    r"\w+ /models/NAME/(?:predictions?|invocations)": "it is POST /models/{name}/predict",
    r"\w+ /models/NAME/versions/VERSION/(?:predictions?|invocations)": (
        "it is POST /models/{name}/versions/{version}/predict"
    ),
    r"\w+ /explanations/NAME": "it is POST /models/{name}/explain",
    r"\w+ /explanations/NAME/VERSION": "it is POST /models/{name}/versions/{version}/explain",
    r"\w+ /models/NAME/invoke": "it is POST /models/{name}/predict",
    r"\w+ /v1/models/NAME:predict": "it is POST /models/{name}/predict",
    r"\w+ /v1/models/NAME:explain": "it is POST /models/{name}/explain",
    r"\w+ /v1/models/NAME/versions/VERSION:predict": (
        "it is POST /models/{name}/versions/{version}/predict"
    ),
    r"\w+ /v1/models/NAME(?:/versions/VERSION)?": "it is GET /models/{name}",
    r"POST /models": (
        "a model is loaded as soon as its folder NAME/VERSION/ is in the folder of `stateserve "
        "serve --models`; `stateserve pack` writes it, also of a .mar file"
    ),
    r"GET /models/NAME/(?:all|\d[^/]*)": "it is GET /models/{name}, which lists all versions",
    r"PUT /models/NAME(?:/\d[^/]*)?": (
        "the number of processes is that of the whole service: `stateserve serve --workers N`"
    ),
    r"PUT /models/NAME/VERSION/set-default": (
        "it is POST /models/{name}/default?version={version}, with the admin token"
    ),
    r"DELETE /models/NAME": "it is POST /models/{name}/unload, with the admin token",
    r"DELETE /models/NAME/VERSION": (
        "it is POST /models/{name}/unload?version={version}, with the admin token"
    ),
    r"POST /models/NAME/(?:load|unload|default)": (
        "this request exists if the service has `--admin-token` or `--api-keys`"
    ),
    r"\w+ /api-description": "it is GET /openapi.json",
    r"\w+ /(?:wf-predict|workflows)(?:/.*)?": (
        "are no workflows: the client calls one model after the other"
    ),
}
PATTERNS = {
    re.compile(
        request.replace("NAME", "(?P<name>[^/:]+)").replace("VERSION", "(?P<version>[^/:]+)")
    ): here
    for request, here in HERE.items()
}


def request_here(method: str, path: str) -> str:
    """What a request of another server is here, as the second part of an error; or ""."""
    for pattern, here in PATTERNS.items():
        if found := pattern.fullmatch(f"{method} {path}"):
            groups = {key: quote(text or "", safe="") for key, text in found.groupdict().items()}
            if "{version}" in here and not is_version(groups["version"]):
                groups["version"] = "N"
                here += "; a version is a whole number N"
            return f"here {here.format_map(groups)}"
    return ""
