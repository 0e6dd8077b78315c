"""Model cards: of a tabular classifier, of any other model, and of a checkpoint without one.

A card is validated whole; raises pydantic's ValidationError.
"""
