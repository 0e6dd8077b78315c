"""The command serve."""

import gc
import os

import typer

from app.cli.service.settings_command import GIVEN
from app.process import end_on_signals


def serve(context: typer.Context) -> None:
    """Serve a model, or a folder of models, over HTTP, and over gRPC with --grpc-port.

    Each option is also a variable: --port is STATESERVE_PORT. An option overrides its variable.

    Example: stateserve serve --models models --model digits --port 8080
    """
    from app.addresses import require_free
    from app.limits import FEWEST_THREADS, raise_file_limit, require_memory, require_threads
    from app.monitor import LINES, configure_logging
    from app.settings import Settings

    settings = Settings.read(context.meta[GIVEN])
    configure_logging(settings.log_level, settings.log_format)
    end_on_signals(LINES.flush)
    # The models are loaded before the sockets are bound, and loading may take minutes.
    require_free(settings)
    require_memory(FEWEST_THREADS)
    raise_file_limit(settings.workers)
    # Read when NumPy is imported. Its threads would take memory, and must not exist at a fork.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imports make no garbage, and traversing all of torch takes a sixth of the start.
    gc.disable()
    # Imported here, so that other commands do not wait for FastAPI.
    from app.api import create_app
    from app.server import Server, keep_freed_memory, serve_with_workers

    gc.freeze()
    gc.enable()
    # After the imports, since each thread maps memory for itself.
    require_threads()
    keep_freed_memory()
    if settings.workers > 1:
        serve_with_workers(settings)
    else:
        Server(create_app(settings), settings).run()
