"""Several small networks, each trained without a part of the rows, joined into one.

The mean of networks with one hidden layer is a network with one hidden layer, and so is their sum
with a linear rule: the joined network has the layers of any other.
"""

from training.tables.ensemble.added_trees import add_trees as add_trees
from training.tables.ensemble.fit import fit_ensemble as fit_ensemble
from training.tables.ensemble.problem import Problem as Problem
from training.tables.ensemble.problem import hold_out as hold_out
