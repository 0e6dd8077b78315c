"""Train a small transformer on made sentences of different lengths, and save it.

Run it: python examples/text/train.py
A service takes instances of any length: the signature says that axis 1 of `ids` is variable, and
which id fills a shorter row.
"""

import random
import sys
from pathlib import Path

import torch
from network import PAD, TextClassifier
from torch import nn

from stateserve import save_model

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/text")
torch.manual_seed(0)
# So small a network is faster with one thread.
torch.set_num_threads(1)
random.seed(0)

SUBJECTS = ["the soup", "this film", "our room", "the book", "the train"]
WORDS = {"good": ["lovely", "warm", "great", "kind"], "bad": ["awful", "cold", "late", "rude"]}
CLASSES = list(WORDS)


def sentence() -> tuple[str, int]:
    """A sentence, and its class; `not` turns it into the other one."""
    label, denied = random.randrange(2), random.random() < 0.3
    word = random.choice(WORDS[CLASSES[label]])
    often = "very " * random.randrange(3)
    verb = "was not" if denied else "was"
    return f"{random.choice(SUBJECTS)} {verb} {often}{word}", label ^ denied


sentences = [sentence() for _ in range(1500)]
words = sorted({word for text, _ in sentences for word in text.split()})
number = {word: index for index, word in enumerate(words, start=PAD + 1)}
rows = [torch.tensor([number[word] for word in text.split()]) for text, _ in sentences]
ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
labels = torch.tensor([label for _, label in sentences])

model = TextClassifier(vocabulary=len(words) + 1, classes=2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
for _ in range(8):
    for batch in torch.randperm(1000).split(32):
        loss = nn.functional.cross_entropy(model(ids[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.inference_mode():
    accuracy = (model(ids[1000:]).argmax(1) == labels[1000:]).float().mean().item()
print(f"accuracy on {len(ids) - 1000} test sentences: {accuracy:.3f}")

save_model(
    model,
    ids[1000:1003],
    folder / "models" / "text" / "1",
    kwargs={"vocabulary": len(words) + 1, "classes": 2},
    classes=CLASSES,
    tokens={"vocabulary": len(words) + 1, "pad": PAD},
    dynamic={"ids": [1]},
    overwrite=True,
)
text = "the soup was not very warm"
print(f"""
stateserve serve --models {folder}/models --model text --allow-code
# {text}
curl --json '{{"ids": {[number[word] for word in text.split()]}}}' localhost:8000/predict""")
