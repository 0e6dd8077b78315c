"""Which values of a graph may share memory with its inputs or with the model's state.

An operator that works in place is accepted only on memory that the graph allocated itself, since
requests share the state, and a caller keeps its input.
"""

from collections.abc import Mapping

from stateserve.errors import UnsafeCheckpoint
from stateserve.json_document import Json
from stateserve.model.architectures.exported_program.arguments import names_in
from stateserve.model.architectures.exported_program.operators import Operator

# Composed of other operators, so that their schemas say nothing about memory; the last of those
# always allocates.
ALLOCATING = """
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d batch_norm bilinear conv1d
conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d group_norm gru gru_cell
instance_norm layer_norm linear log_softmax lstm lstm_cell matmul max_pool1d max_pool2d max_pool3d
one_hot ones_like rms_norm rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
scaled_dot_product_attention softmax upsample_bicubic2d upsample_bilinear2d upsample_linear1d
upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_trilinear3d zeros_like
"""


class Aliases:
    """The names of borrowed values: inputs, state, and what may be a view of them."""

    def __init__(self) -> None:
        self._borrowed: set[str] = set()

    def borrow(self, value: Json) -> None:
        self._borrowed.update(names_in(value))

    def record(
        self, operator: Operator, arguments: Mapping[str, Json], results: Json, place: str
    ) -> None:
        """Note whether `results` are borrowed. Raises UnsafeCheckpoint if a borrowed value is
        written to."""
        used = [name for argument in arguments.values() for name in names_in(argument)]
        if operator.in_place:
            written = next(iter(operator.arguments))
            if self._borrowed & set(names_in(arguments[written])):
                raise UnsafeCheckpoint(
                    f"{place}: {operator.name} writes to an input or to the model's state, which "
                    "requests share; export a functional graph: program.run_decompositions()"
                )
        may_be_view = operator.returns_alias or (
            operator.composite and operator.name not in ALLOCATING.split()
        )
        if may_be_view and self._borrowed.intersection(used):
            self.borrow(results)
