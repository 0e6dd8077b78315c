"""Train a regression on scikit-learn's diabetes, and save it as a model that stateserve serves.

Run it: python examples/regression/train.py
The answer is a number: a measure of the disease's progression after one year.
"""

import json
import sys
from pathlib import Path

import torch
from network import Progression
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from torch import nn

from stateserve import save_model

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/regression")
torch.manual_seed(0)
# So small a network is faster with one thread.
torch.set_num_threads(1)

table = load_diabetes(scaled=False)
rows = torch.tensor(table.data, dtype=torch.float32)
target = torch.tensor(table.target, dtype=torch.float32)
x, x_test, y, y_test = train_test_split(rows, target, test_size=0.3, random_state=0)

model = Progression(n_features=x.shape[1])
model.mean.copy_(x.mean(0))
model.std.copy_(x.std(0))
# The last layer starts at the mean of the target, so that it need not be learned.
nn.init.constant_(model.layers[-1].bias, y.mean().item())
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=0.01)
for _ in range(60):
    for batch in torch.randperm(len(x)).split(32):
        loss = nn.functional.mse_loss(model(x[batch])["progression"], y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.inference_mode():
    errors = model(x_test)["progression"] - y_test
r2 = 1 - (errors.square().sum() / (y_test - y_test.mean()).square().sum()).item()
print(f"R2 on {len(x_test)} test rows: {r2:.2f}")

save_model(
    model,
    x_test[:3],
    folder / "models" / "diabetes" / "1",
    kwargs={"n_features": x.shape[1]},
    features=table.feature_names,
    metrics={"test_r2": r2},
    overwrite=True,
)
values = [round(value, 2) for value in x_test[0].tolist()]
patient = dict(zip(table.feature_names, values, strict=True))
print(f"""
stateserve serve --models {folder}/models --model diabetes --allow-code
curl --json '{json.dumps(patient)}' localhost:8000/predict""")
