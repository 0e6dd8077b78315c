"""The project's folder, and the model and the input of most tests."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
IRIS = ROOT / "models" / "iris-model.pth"
SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
