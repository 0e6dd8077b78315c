"""The operators that a program may call: functions of aten that compute tensors from tensors.

None reads a file, runs text as code, is random, or changes the server's state. An operator that
changes a tensor in place (`relu_`) is accepted if its functional form is, and only on a tensor
that the program made itself: see aliases.py. Not accepted are loops, which may not end, operators
whose time a number sets (`mvlgamma`, `polygamma`, `special_zeta`), those without bounds checks, and
all that compute gradients.

Source: the names are those of native_functions.yaml in PyTorch 2.13. A test exports every module
of torch.nn, and common models, before and after run_decompositions().
"""

import re
from dataclasses import dataclass
from functools import cache

import torch
from torch._ops import OpOverload

from stateserve.errors import UnsafeCheckpoint

ELEMENTWISE = """
abs absolute acos acosh add addcdiv addcmul __and__ angle arccos arccosh arcsin arcsinh arctan
arctan2 arctanh asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_not bitwise_or
bitwise_right_shift bitwise_xor ceil celu clamp clamp_max clamp_min clip complex conj conj_physical
copysign cos cosh deg2rad digamma div divide elu eq erf erfc erfinv exp exp2 expm1 fix float_power
floor floor_divide fmax fmin fmod frac frexp gcd ge gelu glu greater greater_equal gt hardshrink
hardsigmoid hardswish hardtanh heaviside hypot i0 igamma igammac imag isclose isfinite isinf isnan
isneginf isposinf isreal lcm ldexp le leaky_relu lerp less less_equal lgamma log log10 log1p log2
log_sigmoid log_sigmoid_forward logaddexp logaddexp2 logical_and logical_not logical_or logical_xor
logit __lshift__ lt masked_fill maximum minimum mish mul multiply nan_to_num ne neg
negative nextafter not_equal __or__ polar positive pow prelu _prelu_kernel rad2deg real
reciprocal relu relu6 remainder round rrelu rrelu_with_noise_functional __rshift__ rsqrt rsub selu
sgn sigmoid sign signbit silu sin sinc sinh softplus softshrink special_bessel_j0 special_bessel_j1
special_digamma special_entr special_erf special_erfc special_erfcx special_erfinv special_exp2
special_expit special_expm1 special_gammainc special_gammaincc special_gammaln special_i0
special_i0e special_i1 special_i1e special_log1p special_log_ndtr special_logit
special_ndtr special_ndtri special_psi special_round special_sinc special_xlog1py
special_xlogy sqrt square sub subtract tan tanh threshold true_divide trunc where xlogy
__xor__
"""
REDUCTIONS = """
all amax amin aminmax any argmax argmin argsort bincount bucketize corrcoef count_nonzero cov cummax
cummin cumprod cumsum cumulative_trapezoid diff dist equal frobenius_norm histc kthvalue
linalg_matrix_norm linalg_norm linalg_vector_norm _log_softmax log_softmax logcumsumexp logsumexp
max mean median min mode msort nanmean nanmedian nanquantile nansum norm nuclear_norm prod quantile
renorm _safe_softmax searchsorted _softmax softmax sort special_log_softmax special_logsumexp
special_softmax std std_mean sum topk trapezoid trapz _unique2 unique_consecutive unique_dim var
var_mean
"""
SHAPES = """
adjoint alias alias_copy as_strided as_strided_copy as_strided_scatter atleast_1d atleast_2d
atleast_3d block_diag broadcast_tensors broadcast_to cat channel_shuffle chunk clone
col2im column_stack concat concatenate constant_pad_nd contiguous copy detach
detach_copy diag diag_embed diagflat diagonal diagonal_copy diagonal_scatter dsplit dstack expand
expand_as expand_copy fill flatten flip fliplr flipud gather hsplit hstack im2col index index_add
index_copy index_fill index_put index_reduce index_select kron lift lift_fresh lift_fresh_copy mH mT
masked_scatter masked_select matrix_H meshgrid moveaxis movedim narrow narrow_copy
native_channel_shuffle nonzero nonzero_numpy numpy_T pad pad_sequence permute permute_copy
pixel_shuffle pixel_unshuffle put ravel reflection_pad1d reflection_pad2d reflection_pad3d repeat
repeat_interleave replication_pad1d replication_pad2d replication_pad3d reshape reshape_as
resolve_conj resolve_neg roll rot90 row_stack scatter scatter_add scatter_reduce select select_copy
select_scatter slice slice_copy slice_scatter split split_copy split_with_sizes
split_with_sizes_copy squeeze squeeze_copy stack sum_to_size swapaxes swapdims t t_copy take
take_along_dim tensor_split tile to _to_copy transpose transpose_copy tril triu type_as unbind
unbind_copy unflatten unfold unfold_copy unsafe_chunk _unsafe_index _unsafe_index_put
unsafe_split unsafe_split_with_sizes
_unsafe_view unsqueeze unsqueeze_copy view view_as view_as_complex view_as_complex_copy view_as_real
view_as_real_copy view_copy vsplit vstack zero
"""
CREATION = """
arange bartlett_window blackman_window empty empty_like empty_permuted eye fft_fftfreq fft_rfftfreq
full full_like hamming_window hann_window kaiser_window linspace logspace new_empty new_full
new_ones new_zeros one_hot ones ones_like scalar_tensor tril_indices triu_indices vander zeros
zeros_like
"""
PRODUCTS = """
addbmm addmm addmv addr affine_grid_generator baddbmm bilinear bmm cdist _cdist_forward chain_matmul
conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution
cosine_similarity cross cumulative_trapezoid det dot einsum embedding _embedding_bag embedding_bag
_fft_c2c _fft_c2r fft_fft fft_fft2 fft_fftn fft_fftshift fft_hfft fft_ifft fft_ifft2 fft_ifftn
fft_ifftshift fft_ihfft fft_irfft fft_irfft2 fft_irfftn _fft_r2c fft_rfft fft_rfft2 fft_rfftn ger
grid_sampler grid_sampler_2d grid_sampler_3d gru gru_cell inner inverse istft linalg_cholesky
linalg_cholesky_ex linalg_cond linalg_cross linalg_det _linalg_det linalg_diagonal _linalg_eigh
linalg_eigh linalg_eigvalsh linalg_inv linalg_inv_ex linalg_lstsq linalg_lu linalg_lu_factor
linalg_lu_factor_ex linalg_lu_solve linalg_matmul linalg_matrix_exp linalg_matrix_power
linalg_matrix_rank linalg_multi_dot linalg_pinv linalg_qr linalg_slogdet _linalg_slogdet
linalg_solve _linalg_solve_ex linalg_solve_ex linalg_solve_triangular linalg_svd _linalg_svd
linalg_svdvals linalg_vecdot linear logdet lstm lstm_cell matmul matrix_exp matrix_power mm mv outer
pairwise_distance pdist rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell scaled_dot_product_attention
_scaled_dot_product_attention_math slogdet stft tensordot trace _trilinear vdot _weight_norm
_weight_norm_interface
"""
LAYERS = """
adaptive_avg_pool1d _adaptive_avg_pool2d adaptive_avg_pool2d _adaptive_avg_pool3d
adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d alpha_dropout
avg_pool1d avg_pool2d avg_pool3d batch_norm binary_cross_entropy binary_cross_entropy_with_logits
cosine_embedding_loss cross_entropy_loss dropout feature_alpha_dropout feature_dropout
fractional_max_pool2d fractional_max_pool3d _fused_rms_norm group_norm hinge_embedding_loss
huber_loss instance_norm kl_div l1_loss layer_norm margin_ranking_loss max_pool1d
max_pool1d_with_indices max_pool2d max_pool2d_with_indices max_pool3d max_pool3d_with_indices
max_unpool2d max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss
multilabel_margin_loss_forward _native_batch_norm_legit _native_batch_norm_legit_no_training
native_dropout native_group_norm native_layer_norm nll_loss nll_loss2d nll_loss2d_forward
nll_loss_forward nll_loss_nd poisson_nll_loss rms_norm smooth_l1_loss soft_margin_loss
triplet_margin_loss upsample_bicubic2d _upsample_bicubic2d_aa upsample_bilinear2d
_upsample_bilinear2d_aa upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_trilinear3d
"""
# Numbers of a tensor, and checks of them.
NUMBERS = """
_assert_async _assert_scalar _assert_tensor_metadata is_nonzero item _local_scalar_dense numel
sym_constrain_range sym_constrain_range_for_size sym_numel sym_size sym_storage_offset sym_stride
"""
ACCEPTED = frozenset(
    " ".join((ELEMENTWISE, REDUCTIONS, SHAPES, CREATION, PRODUCTS, LAYERS, NUMBERS)).split()
)
# Functions of Python's numbers, which are lengths of axes. Source: _SYM_OPS in torch's serializer.
NUMBER_OPERATORS = frozenset(
    {
        *(f"_operator.{name}" for name in ("add", "sub", "mul", "floordiv", "mod", "truediv")),
        *(f"_operator.{name}" for name in ("pow", "neg", "pos", "and_", "or_")),
        *(f"_operator.{name}" for name in ("eq", "ne", "lt", "le", "gt", "ge")),
        *(f"torch.sym_{name}" for name in ("not", "int", "float", "ite", "max", "min", "sqrt")),
        "math.trunc",
    }
)
# Recurrent layers over packed sequences: their kernels do not check the lengths.
REFUSED = frozenset(
    f"torch.ops.aten.{name}.data" for name in ("gru", "lstm", "rnn_relu", "rnn_tanh")
)
ATEN = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
COMPOSITE = torch._C.DispatchKey.CompositeImplicitAutograd
RANDOM = re.compile(
    r"(native_)?(rand|bernoulli|multinomial|normal|poisson$|binomial|uniform|exponential|cauchy|"
    r"geometric|log_normal|_sample_dirichlet|_standard_gamma|random).*"
)


@dataclass(frozen=True)
class Operator:
    """`arguments` maps each argument's name to its type in the schema, such as `Optional[str]`."""

    name: str
    overload: OpOverload
    arguments: dict[str, str]
    required: frozenset[str]
    in_place: bool
    returns_alias: bool
    composite: bool


@cache
def aten_operator(target: str) -> Operator:
    """The operator of `torch.ops.aten.NAME.OVERLOAD`. Raises UnsafeCheckpoint unless accepted."""
    found = ATEN.fullmatch(target)
    name, overload_name = found.groups() if found else (target, "")
    functional = name.removesuffix("_") if not name.endswith("__") else name
    if not found or functional not in ACCEPTED or target in REFUSED:
        raise UnsafeCheckpoint(_reason(target, name))
    try:
        overload = getattr(getattr(torch.ops.aten, name), overload_name)
        # TorchScript has overloads for numbers that no dispatcher knows.
        composite = OpOverload.has_kernel_for_dispatch_key(overload, COMPOSITE)
    except (AttributeError, RuntimeError, TypeError):
        reason = f"operator {target!r:.100} does not exist in torch 2.13"
        raise UnsafeCheckpoint(reason) from None
    schema = overload._schema
    written = [
        each.name for each in schema.arguments if each.alias_info and each.alias_info.is_write
    ]
    in_place = name != functional
    if written != ([schema.arguments[0].name] if in_place else []):
        raise UnsafeCheckpoint(f"operator {target!r:.100} writes to its arguments; {ACCEPTED_TEXT}")
    return Operator(
        name,
        overload,
        {each.name: str(each.real_type) for each in schema.arguments},
        frozenset(each.name for each in schema.arguments if not each.has_default_value()),
        in_place,
        any(each.alias_info is not None for each in schema.returns),
        composite,
    )


ACCEPTED_TEXT = "accepted are functional operators of aten, such as torch.ops.aten.relu.default"


def _reason(target: str, name: str) -> str:
    if target.startswith("torch.ops.higher_order."):
        return (
            f"operator {target!r:.100} is not accepted; accepted of torch.ops.higher_order are "
            "cond, wrap_with_set_grad_enabled and wrap_with_autocast"
        )
    if RANDOM.fullmatch(name):
        return f"operator {target!r:.100} is random, so that no answer can be repeated"
    return f"operator {target!r:.100} is not accepted; {ACCEPTED_TEXT}"
