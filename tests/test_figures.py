"""The card's figures, computed by docs/figures.md; only training is code of the project."""

import hashlib
import json

import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from tests.project import IRIS
from training.data import iris
from training.evaluate import evaluate_seeds
from training.fit import Settings, fit

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
    calibrated = probabilities ** (1 / CARD["calibration"]["temperature"])
    calibrated /= calibrated.sum(axis=1, keepdims=True)
    for name, sure in (("before", confidence), ("after", calibrated.max(axis=1))):
        claimed = CARD["calibration"][name]
        found = error(sure, right)
        np.testing.assert_allclose(found, claimed["expected_calibration_error"], atol=1e-6)
        bootstrap = CARD["calibration"]["bootstrap"]
        generator = np.random.default_rng(bootstrap["seed"])
        drawn = generator.integers(len(truth), size=(bootstrap["resamples"], len(truth)))
        errors = [error(sure[rows], right[rows]) for rows in drawn]
        ends = np.quantile(errors, [(1 - bootstrap["level"]) / 2, (1 + bootstrap["level"]) / 2])
        claimed_ends = claimed["expected_calibration_error_interval"]
        np.testing.assert_allclose(ends, claimed_ends, atol=1e-6)
        # All rows are right, so that the error is 1 - confidence.
        np.testing.assert_allclose(found, 1 - sure.mean())


def error(confidence: np.ndarray, right: np.ndarray) -> float:
    bins = CARD["calibration"]["bins"]
    gaps = 0.0
    for low in np.arange(bins) / bins:
        inside = (confidence > low) & (confidence <= low + 1 / bins)
        gaps += abs(right[inside].sum() - confidence[inside].sum())
    return gaps / len(right)


def test_the_seeds_mean_and_deviation() -> None:
    """Accuracies of the card's recipe over three seeds, and their population's deviation."""
    found = evaluate_seeds(iris(), Settings(epochs=3), 3, lambda _: None)
    accuracies = []
    for seed in range(3):
        fitted = fit(iris(), Settings(seed=seed, epochs=3))
        rows, labels = load_iris(return_X_y=True)
        _, test, _, truth = train_test_split(
            rows.astype(np.float32), labels, test_size=0.3, random_state=seed, stratify=labels
        )
        with torch.inference_mode():
            classes = fitted.module(torch.from_numpy(test)).argmax(dim=1).numpy()
        accuracies.append((classes == truth).sum() / len(truth))
    mean = sum(accuracies) / 3
    deviation = (sum((each - mean) ** 2 for each in accuracies) / 3) ** 0.5
    assert deviation > 0
    assert found.count == 3
    np.testing.assert_allclose(found.mean_test_accuracy, mean)
    np.testing.assert_allclose(found.std_test_accuracy, deviation)
