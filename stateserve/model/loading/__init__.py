"""Load a model of any kind from its state, its card and its code.

No Python file of a model is run without permission, and none whose hash is not that of the card.
"""
