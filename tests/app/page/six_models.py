"""Six models whose pages differ most: three classify rows, one gives a value, two see pictures."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn import datasets
from torch import nn

from benchmarks.tensors.networks import ResNet18
from stateserve import save_model
from tests.lenet import LeNet
from tests.project import IRIS
from tests.tables import train_quickly
from training.tables.plan import Options

MODELS = ("iris", "wine", "sensors", "digits", "diabetes", "resnet")
ROWS, SENSORS, STATES = 2000, 100, 50
THINGS = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAINING = Options(hidden=(32,), epochs=20)


def write_models(folder: Path) -> None:
    """Train and pack them, a models folder for each: some seconds."""
    place = {name: folder / name / name / "1" for name in MODELS}
    for each in place.values():
        each.mkdir(parents=True)
    for suffix in (".pth", ".json"):
        shutil.copy(IRIS.with_suffix(suffix), place["iris"])
    wine = datasets.load_wine(as_frame=True).frame
    wine["cultivar"] = wine.pop("target").map("cultivar {}".format)
    diabetes = datasets.load_diabetes(as_frame=True, scaled=False).frame
    diabetes = diabetes.rename(columns={"target": "progression"})
    tables = {"wine": wine, "sensors": sensors(), "diabetes": diabetes}
    for name, table in tables.items():
        path = place[name] / f"{name}.csv"
        table.to_csv(path, index=False)
        train_quickly(path, table.columns[-1], options=TRAINING)
    _pack_digits(place["digits"])
    _pack_resnet(place["resnet"])


def sensors() -> pd.DataFrame:
    """100 numbers with long names, of 50 classes, each with its own mean."""
    random = np.random.default_rng(0)
    places = [f"hall {hall} line {line}" for hall in range(5) for line in range(5)]
    kinds = ("temperature of the bearing (°C)", "vibration, root mean square (mm/s)")
    kinds += ("pressure before the filter (bar)", "current of phase 1 (A)")
    columns = [f"{place}: {kind}" for place in places for kind in kinds]
    labels = np.arange(ROWS) % STATES
    means = random.normal(20, 4, (STATES, SENSORS))
    values = means[labels] + random.normal(0, 12, (ROWS, SENSORS))
    table = pd.DataFrame(values.round(2), columns=columns)
    table["state"] = [f"fault {label:02}, bearing of line {label % 5} is worn" for label in labels]
    return table


def _pack_digits(folder: Path) -> None:
    """A LeNet after a short training."""
    torch.manual_seed(0)
    data, labels = datasets.load_digits(return_X_y=True)
    pictures = torch.tensor(data / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    targets, module = torch.tensor(labels), LeNet()
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    for _ in range(60):
        batch = torch.randint(len(pictures), (256,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(pictures[batch]), targets[batch]).backward()
        optimizer.step()
    image = {"mode": "L", "resize": [8, 8]}
    save_model(module, pictures[:3], folder, classes=[*map(str, range(10))], image=image)


def _pack_resnet(folder: Path) -> None:
    """A ResNet-18 as it is initialised."""
    torch.manual_seed(0)
    names = ("china.jpg", "flower.jpg")
    pictures = np.stack([datasets.load_sample_image(name)[100:420:5, 200:520:5] for name in names])
    save_model(
        ResNet18(),
        torch.tensor(pictures / 255, dtype=torch.float32).permute(0, 3, 1, 2),
        folder,
        classes=THINGS,
        image={"mode": "RGB", "resize": [64, 64]},
    )
