"""Operators that end or block the process with some arguments, each behind a check.

A check runs in each pass, before the operator.
"""
