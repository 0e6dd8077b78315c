"""Tables as they are: read a file, decide about its columns, train Tabular, write its card.

Raises DataError, one line that names file, column and row.
"""

from training.tables.columns import Choices as Choices
from training.tables.columns_layer import make_columns as make_columns
from training.tables.command import train_table as train_table
from training.tables.evaluate import outputs as outputs
from training.tables.fit import Fit as Fit
from training.tables.loop import Rows as Rows
from training.tables.loop import train as train
from training.tables.plan import Options as Options
from training.tables.plan import Plan as Plan
from training.tables.plan import plans as plans
from training.tables.table import Table as Table
from training.tables.table import missing_target as missing_target
from training.tables.table import read_table as read_table
from training.tables.target import Task as Task
