"""The options of a conversion."""

from dataclasses import dataclass, field

from stateserve.names import NameChanges


@dataclass(frozen=True)
class ConvertOptions:
    """What of a file is taken, what is changed, and how it is written.

    `key`: the state's place in a file of several.
    `names`: prefixes to strip, renamings, and patterns that select.
    `dtype`: "float16", "bfloat16", "float32" or "float64", for all floating tensors; integers,
    booleans and complex numbers stay. A finite element that `dtype` has only as infinity is
    refused, unless `allow_overflow`.
    `ties`: tensors that share memory still do ("keep"), each have a copy ("copy"), or of each
    only one name is written ("omit"). Unless given, "keep" where the format can, else "copy".
    `max_shard_size`: bytes, or a text such as "2GB"; a larger state is written in several files
    with an index, as transformers reads them.
    `legacy`: the format of torch.save before torch 1.6.
    """

    key: str | None = None
    names: NameChanges = field(default_factory=NameChanges)
    dtype: str | None = None
    allow_overflow: bool = False
    ties: str | None = None
    max_shard_size: int | str | None = None
    legacy: bool = False


AS_IT_IS = ConvertOptions()
