"""Tables as they are: read a file, decide about its columns, train Tabular, write its card.

Raises DataError, one line that names file, column and row.
"""

from training.tables.columns import Choices as Choices
from training.tables.command import train_table as train_table
from training.tables.plan import Options as Options
from training.tables.target import Task as Task
