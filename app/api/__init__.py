"""HTTP: `create_app` assembles the service; endpoints only translate requests and answers.

Errors are answered as RFC 9457 problem details. Knows no socket and no process.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.api.app import create_app as create_app
    from app.api.error_status import status_of as status_of
    from app.api.loading import choose_default as choose_default
    from app.api.loading import empty_registry as empty_registry
    from app.api.problems import error_answer as error_answer
    from app.api.problems import problem as problem
    from app.api.problems import service_error as service_error
    from app.api.service import Service as Service

__getattr__ = lazy_exports(
    __name__,
    {
        "app": ("create_app",),
        "loading": ("choose_default", "empty_registry"),
        "error_status": ("status_of",),
        "problems": ("error_answer", "problem", "service_error"),
        "service": ("Service",),
    },
)
