"""`python -m benchmarks.tensors.raw_forward NETWORK`: the best rows a second of plain forwards.

On one thread, at each batch that 32 callers can fill.
"""

import sys
import time

import torch

from benchmarks.tensors.networks import NETWORKS

BATCHES = (1, 2, 4, 8, 16, 32)
SECONDS = 0.3


def main() -> None:
    torch.set_num_threads(1)
    kind, shape = NETWORKS[sys.argv[1]]
    module = kind().eval()
    best = 0.0
    with torch.inference_mode():
        for batch in BATCHES:
            rows = torch.rand(batch, *shape)
            module(rows)
            count, start = 0, time.perf_counter()
            while (passed := time.perf_counter() - start) < SECONDS:
                module(rows)
                count += batch
            best = max(best, count / passed)
    print(best)


if __name__ == "__main__":
    main()
