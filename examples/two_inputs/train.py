"""Train a recommender with two inputs and two outputs on made data, and save it.

Run it: python examples/two_inputs/train.py
The inputs differ in dtype: ids are int64, the context is float32.
"""

import json
import sys
from pathlib import Path

import torch
from network import Recommender
from torch import nn

from stateserve import save_model

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/two_inputs")
torch.manual_seed(0)
# So small a network is faster with one thread.
torch.set_num_threads(1)

# A user likes the items of the same parity, and everything on a day off (context 0).
ids = torch.stack([torch.randint(40, (4000,)), torch.randint(60, (4000,))], dim=1)
context = torch.rand(4000, 3)
likes = ((ids[:, 0] % 2 == ids[:, 1] % 2) | (context[:, 0] > 0.8)).float()

model = Recommender(users=40, items=60)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for _ in range(20):
    for batch in torch.randperm(3000).split(64):
        score = model(ids[batch], context[batch]).score
        loss = nn.functional.binary_cross_entropy(score, likes[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.inference_mode():
    right = (model(ids[3000:], context[3000:]).score > 0.5) == (likes[3000:] > 0.5)
print(f"accuracy on 1000 test rows: {right.float().mean().item():.3f}")

save_model(
    model,
    {"ids": ids[3000:3003], "context": context[3000:3003]},
    folder / "models" / "recommender" / "1",
    kwargs={"users": 40, "items": 60},
    overwrite=True,
)
instances = [{"ids": [2, item], "context": [0.1, 0.5, 0.5]} for item in (10, 11)]
print(f"""
stateserve serve --models {folder}/models --model recommender --allow-code
curl --json '{json.dumps({"instances": instances})}' localhost:8000/predict""")
