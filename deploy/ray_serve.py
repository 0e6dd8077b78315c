"""The same application as replicas of Ray Serve: `serve run deploy/ray_serve.yaml`.

The service's settings are the STATESERVE_* variables where the application is built; replicas get
them from there. Ray listens and manages the replicas, so host, port and workers have no effect.
"""

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig
from starlette.types import ASGIApp

from app.api import Service, create_app
from app.settings import Settings


class Sizes(BaseModel):
    """The `args` of the application in deploy/ray_serve.yaml."""

    model_config = ConfigDict(extra="forbid")

    min_replicas: int = Field(default=1, ge=1)
    max_replicas: int = Field(default=4, ge=1)
    # The number of requests in progress per replica at which Ray changes nothing.
    target_requests: int = Field(default=32, ge=1)
    cpus: float = Field(default=1, gt=0)


class Classifier:
    """One replica: the whole application, its model loaded before the first request."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __serve_build_asgi_app__(self) -> ASGIApp:
        app = create_app(self._settings)
        self._service: Service = app.state.service
        return app

    def check_health(self) -> None:
        """Raises NotReady or ModelUnavailable; then Ray replaces the replica."""
        self._service.require_ready()


def build(sizes: Sizes) -> Application:
    """Raises SettingsError; errors of a model are in the replicas' logs."""
    settings = Settings.read()
    deployment = serve.deployment(
        serve.ingress()(Classifier),
        name="classifier",
        autoscaling_config=AutoscalingConfig(
            min_replicas=sizes.min_replicas,
            max_replicas=sizes.max_replicas,
            target_ongoing_requests=sizes.target_requests,
        ),
        # The service's own limit: beyond it, the service answers 503 with Retry-After.
        max_ongoing_requests=settings.max_queued_requests + settings.max_large_requests,
        graceful_shutdown_timeout_s=settings.drain_timeout_seconds,
        ray_actor_options={"num_cpus": sizes.cpus},
    )
    return deployment.bind(settings)
