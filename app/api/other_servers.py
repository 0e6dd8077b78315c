"""Paths of other model servers, and what they are here."""

import re
from urllib.parse import quote

# Of TorchServe, TensorFlow Serving, MLflow and SageMaker.
HERE = {
    r"/ping": "GET /health/ready",
    r"/health|/healthz|/livez|/readyz": "GET /health/ready or /health/live",
    r"/invocations": "POST /predict",
    r"/predictions/([^/]+)": "POST /models/{}/predict",
    r"/predictions/([^/]+)/([^/]+)": "POST /models/{}/versions/{}/predict",
    r"/explanations/([^/]+)": "POST /models/{}/explain",
    r"/explanations/([^/]+)/([^/]+)": "POST /models/{}/versions/{}/explain",
    r"/v1/models/([^/:]+):predict": "POST /models/{}/predict",
    r"/v1/models/([^/:]+)/versions/([^/:]+):predict": "POST /models/{}/versions/{}/predict",
}


def path_here(path: str) -> str:
    """Where a request to this path of another server belongs, as the end of an error; or ""."""
    for pattern, here in HERE.items():
        if found := re.fullmatch(pattern, path):
            names = (quote(name, safe="") for name in found.groups())
            return f"; here it is {here.format(*names)}"
    return ""
