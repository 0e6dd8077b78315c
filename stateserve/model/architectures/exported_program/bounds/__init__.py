"""Bounds on what a program computes: integers, elements, bytes and time of a forward pass.

A pass is stopped before the operator that exceeds one, with a ForwardFailed that names it.
"""
