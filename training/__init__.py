"""Train Multiclass offline and write a checkpoint with its model card.

Raises DataError, one line. Knows no service.
"""
