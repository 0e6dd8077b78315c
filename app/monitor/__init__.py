"""Observes requests: metrics, access log, traces, drift, and the prediction log.

Tracing and the prediction log cost nothing while they are off. Knows no endpoint and no registry.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.monitor.access_log import CLIENT_CLOSED_REQUEST as CLIENT_CLOSED_REQUEST
    from app.monitor.access_log import UNMATCHED as UNMATCHED
    from app.monitor.access_log import Access as Access
    from app.monitor.access_log import AccessLog as AccessLog
    from app.monitor.category_drift import CategoryBins as CategoryBins
    from app.monitor.drift import Level as Level
    from app.monitor.extras import open_prediction_log as open_prediction_log
    from app.monitor.extras import open_tracing as open_tracing
    from app.monitor.json_log import LINES as LINES
    from app.monitor.json_log import configure_logging as configure_logging
    from app.monitor.metric_files import share_counts as share_counts
    from app.monitor.metrics import Metrics as Metrics
    from app.monitor.model_metrics import STAGES as STAGES
    from app.monitor.model_metrics import ModelMetrics as ModelMetrics
    from app.monitor.model_spans import ModelSpans as ModelSpans
    from app.monitor.output_differences import TOLERANCE as TOLERANCE
    from app.monitor.output_differences import OutputDifferences as OutputDifferences
    from app.monitor.request_spans import RequestSpans as RequestSpans
    from app.monitor.request_spans import describe_answer as describe_answer
    from app.monitor.rollout_counts import RolloutCounts as RolloutCounts
    from app.monitor.rollout_counts import ShadowCounts as ShadowCounts
    from app.monitor.rollout_counts import VersionCounts as VersionCounts
    from app.monitor.snapshot import Snapshot as Snapshot
    from app.monitor.text_log import is_text as is_text
    from app.monitor.tracing import Tracing as Tracing
    from app.monitor.v2_statistics import ServerStatistics as ServerStatistics
    from app.monitor.v2_statistics import statistics_of as statistics_of

__getattr__ = lazy_exports(
    __name__,
    {
        "access_log": ("Access", "AccessLog", "CLIENT_CLOSED_REQUEST", "UNMATCHED"),
        "category_drift": ("CategoryBins",),
        "drift": ("Level",),
        "extras": ("open_prediction_log", "open_tracing"),
        "json_log": ("LINES", "configure_logging"),
        "metric_files": ("share_counts",),
        "metrics": ("Metrics",),
        "model_metrics": ("STAGES", "ModelMetrics"),
        "model_spans": ("ModelSpans",),
        "output_differences": ("OutputDifferences", "TOLERANCE"),
        "request_spans": ("RequestSpans", "describe_answer"),
        "rollout_counts": ("RolloutCounts", "ShadowCounts", "VersionCounts"),
        "snapshot": ("Snapshot",),
        "text_log": ("is_text",),
        "tracing": ("Tracing",),
        "v2_statistics": ("ServerStatistics", "statistics_of"),
    },
)
