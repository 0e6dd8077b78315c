"""The card's figures, computed as docs/figures.md defines them and by none of our own code."""

import hashlib
import json

import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from tests.conftest import IRIS

CARD = json.loads(IRIS.with_suffix(".json").read_text())


def test_the_hash_of_the_state() -> None:
    digest = hashlib.sha256()
    for name, tensor in sorted(torch.load(IRIS).items()):
        array = tensor.numpy()
        for text in (name, f"torch.{array.dtype}", str(list(array.shape))):
            digest.update(text.encode() + b"\0")
        digest.update(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).tobytes())
    assert digest.hexdigest() == CARD["state_sha256"]


def test_the_split_and_the_share_of_the_training_rows() -> None:
    rows, labels = load_iris(return_X_y=True)
    seed, size = CARD["hyperparameters"]["seed"], CARD["split"]["test_size"]
    train, test, train_labels, _ = train_test_split(
        rows.astype(np.float32), labels, test_size=size, random_state=seed, stratify=labels
    )
    assert (len(train), len(test)) == (CARD["split"]["train_rows"], CARD["split"]["test_rows"])
    assert np.array(CARD["training_rows"]["rows"], np.float32).tolist() == train.tolist()
    assert CARD["training_rows"]["labels"] == train_labels.tolist()


def test_the_expected_calibration_error_and_the_accuracy() -> None:
    rows, labels = load_iris(return_X_y=True)
    _, test, _, truth = train_test_split(
        rows.astype(np.float32), labels, test_size=0.3, random_state=42, stratify=labels
    )
    state = {name: tensor.double().numpy() for name, tensor in torch.load(IRIS).items()}
    hidden = np.maximum(test @ state["hidden.weight"].T + state["hidden.bias"], 0)
    logits = hidden @ state["output.weight"].T + state["output.bias"]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    assert right.mean() == CARD["metrics"]["test_accuracy"]
    error, bins = 0.0, CARD["calibration"]["bins"]
    for low in np.arange(bins) / bins:
        inside = (confidence > low) & (confidence <= low + 1 / bins)
        error += abs(right[inside].sum() - confidence[inside].sum()) / len(truth)
    np.testing.assert_allclose(
        error, CARD["calibration"]["before"]["expected_calibration_error"], atol=1e-6
    )
