"""Models with any module: rows of equal shapes share a forward pass; one bad row fails alone.

Imports are of its modules, since the codecs need its rows and predictions, and it needs codecs.
"""
