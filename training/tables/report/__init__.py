"""The report of a training run: one HTML file that says how good the model is, and why.

The file has no script, and needs nothing from elsewhere; names of the table are text in it. All
figures are of the test rows. Large tables are sampled, and the report says so.
"""

from training.tables.report.page import write_report as write_report
