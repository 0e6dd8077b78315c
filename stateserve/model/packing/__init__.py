"""A model as files that load as they are: state, code, card and golden file.

A written model has been loaded again, and gives the outputs of the module that it was made of.
"""
