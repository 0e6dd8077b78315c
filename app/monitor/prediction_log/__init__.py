"""The prediction log: each answered request as rows of a database, and the feedback on it.

A failing database delays no request. Needs `pip install '.[log]'`.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from app.monitor.prediction_log.engine import require_database as require_database
    from app.monitor.prediction_log.feedback import PREDICTION_ID as PREDICTION_ID
    from app.monitor.prediction_log.feedback import Feedback as Feedback
    from app.monitor.prediction_log.feedback import attach as attach
    from app.monitor.prediction_log.feedback import logged_values as logged_values
    from app.monitor.prediction_log.feedback import parse_feedback as parse_feedback
    from app.monitor.prediction_log.recorder import PredictionRecorder as PredictionRecorder
    from app.monitor.prediction_log.summary import Judged as Judged
    from app.monitor.prediction_log.summary import Summary as Summary
    from app.monitor.prediction_log.summary import summarize as summarize
    from app.monitor.prediction_log.tensor_recorder import TensorRecorder as TensorRecorder
    from app.monitor.prediction_log.writer import PredictionLog as PredictionLog

__getattr__ = lazy_exports(
    __name__,
    {
        "engine": ("require_database",),
        "feedback": ("Feedback", "PREDICTION_ID", "attach", "logged_values", "parse_feedback"),
        "writer": ("PredictionLog",),
        "recorder": ("PredictionRecorder",),
        "summary": ("Judged", "Summary", "summarize"),
        "tensor_recorder": ("TensorRecorder",),
    },
)
