"""Recognise the tar archives of torch.save before torch 0.1.10."""

from stateserve.checkpoint.sources import Source, read

BLOCK = 512
NAMES = (b"sys_info", b"pickle", b"storages", b"tensors")


def is_torch_tar(source: Source) -> bool:
    """Whether the first entry of a tar archive has a name that torch gave it."""
    if source.size < BLOCK:
        return False
    head = read(source, 0, BLOCK)
    return head[257:262] == b"ustar" and head[:100].rstrip(b"\x00").removeprefix(b"./") in NAMES
