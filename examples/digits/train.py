"""Train a CNN on scikit-learn's digits, and save it as a model that stateserve serves.

Run it: python examples/digits/train.py
BatchNorm2d's running mean and variance are buffers: state that no optimizer trains. They are in
the state_dict, so the saved model answers as the trained one.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from network import DigitNet
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from stateserve import save_model

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/digits")
torch.manual_seed(0)
# So small a network is faster with one thread.
torch.set_num_threads(1)

digits = load_digits()
# Values from 0 to 16, as pixels from 0 to 255; the service divides pixels by 255.
pixels = (digits.images * 255 / 16).round().astype(np.uint8)
images = torch.from_numpy(pixels / np.float32(255)).unsqueeze(1)
labels = torch.from_numpy(digits.target)
x, x_test, y, y_test, _, pixels_test = train_test_split(
    images, labels, pixels, test_size=0.3, random_state=0, stratify=labels
)

model = DigitNet(channels=16)
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
for _ in range(15):
    for batch in torch.randperm(len(x)).split(32):
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.inference_mode():
    accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
print(f"accuracy on {len(x_test)} test images: {accuracy:.3f}")
trained = dict(model.named_parameters())
buffers = [name for name in model.state_dict() if name not in trained]
print(f"state that no optimizer trains: {', '.join(buffers)}")

save_model(
    model,
    x_test[:3],
    folder / "models" / "digits" / "1",
    kwargs={"channels": 16},
    classes=[str(digit) for digit in range(10)],
    image={"mode": "L", "resize": [8, 8]},
    metrics={"test_accuracy": accuracy},
    overwrite=True,
)
picture = folder / f"a-{y_test[0]}.png"
Image.fromarray(pixels_test[0]).save(picture)
print(f"""
stateserve serve --models {folder}/models --model digits --allow-code
curl --data-binary @{picture} -H 'Content-Type: image/png' 'localhost:8000/predict?top=3'""")
