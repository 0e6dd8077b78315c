"""DataFrames of pandas, polars and other libraries: the bodies of their rows, and answers back.

Raises ClientError for a table that is not sent. Imports no such library.
"""

from stateserve.client.frames.rows import Frame as Frame
from stateserve.client.frames.rows import FrameRows as FrameRows
from stateserve.client.frames.rows import is_frame as is_frame
