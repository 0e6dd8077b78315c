"""Tables as they are: read a file, decide about its columns, train Tabular, write its card.

Raises DataError, one line that names file, column and row.
"""
