"""Files and folders of libraries whose formats are not read, with the whole message for each.

Those of Keras, TensorFlow, Flax, Core ML, ExecuTorch, Orbax and skops are written by hand, so that
the tests need none of them. Files that they wrote got the same messages: Keras 3.15, TensorFlow
2.21, Flax 0.12, coremltools 9.0, ExecuTorch 1.5, Orbax 0.12 and skops 0.16.
"""

from pathlib import Path

from tests.corpus.case import Refused
from tests.corpus.network import pickled
from tests.corpus.writers import archive, content, folder

KERAS = "load it with Keras and save the weights as .npz or .safetensors"
LEVELDB_END = bytes.fromhex("57fb808b247547db")


def write_estimator(path: Path) -> None:
    pickled(_estimator(), 4)(path)


def write_with_joblib(path: Path, compress: int = 0) -> None:
    import joblib

    joblib.dump(_estimator(), path, compress=compress)


def _estimator() -> object:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit([[0.0], [1.0]], [0, 1])


LIBRARY_FILES = [
    Refused(
        "model.mar",
        "an archive of TorchServe (.mar); unpack it and take the file inside",
        archive("MAR-INF/MANIFEST.json", "m.pt"),
    ),
    Refused(
        "model.h5",
        f"an HDF5 file, as of Keras (.h5); {KERAS}",
        content(b"\x89HDF\r\n\x1a\n" + bytes(99)),
    ),
    Refused(
        "model.keras",
        f"a Keras archive (.keras); {KERAS}",
        archive("config.json", "model.weights.h5"),
    ),
    Refused(
        "flax_model.msgpack",
        "a MessagePack file, as of Flax; load it with Flax and save it as .safetensors or .npz",
        content(b"\x81\xa6params\x82\xa6kernel\xc7>\x01\x93\x92\x04\x03\xa7float32\xc40"),
    ),
    Refused(
        "ckpt-1.index",
        "the index of a TensorFlow checkpoint, which is not read; load it with TensorFlow",
        content(bytes(range(1, 60)) + LEVELDB_END),
    ),
    Refused(
        "model.tflite",
        "a TensorFlow Lite model, which is not read",
        content(b"\x1c\0\0\0TFL3" + bytes(99)),
    ),
    Refused(
        "model.mlmodel",
        "a Core ML model, which is not read; take the checkpoint it was made from",
        content(b"\x08\x04\x12\x8d\x02:\n,com.github.apple.coremltools"),
    ),
    Refused(
        "model.pte",
        "an ExecuTorch program, which is not read; take the checkpoint it was made from",
        content(b"\x18\0\0\0ET12" + bytes(99)),
    ),
    Refused(
        "estimator.skops",
        "a file of skops's, with an estimator of scikit-learn, which is not read",
        archive("1.npy", "schema.json"),
    ),
    Refused(
        "estimator.joblib",
        "a file of joblib's; load it with joblib and save the arrays as .npz",
        write_with_joblib,
    ),
    Refused(
        "compressed.joblib",
        "compressed by zlib, as of joblib; load it with joblib and save arrays as .npz",
        lambda path: write_with_joblib(path, compress=3),
    ),
    Refused(
        "estimator.pkl",
        "holds a sklearn.linear_model._logistic.LogisticRegression, which is neither a state_dict "
        "nor a module of torch",
        write_estimator,
    ),
    Refused(
        "saved_model",
        "a TensorFlow SavedModel, which is not read",
        folder("saved_model.pb", "variables/"),
    ),
    Refused(
        "variables",
        "a TensorFlow checkpoint, which is not read; load it with TensorFlow",
        folder("ckpt.index", "ckpt.data-00000-of-00001"),
    ),
    Refused(
        "orbax",
        "an Orbax checkpoint, which is not read; load it with Orbax",
        folder("_CHECKPOINT_METADATA", "d/"),
    ),
    Refused(
        "model.mlpackage",
        "a Core ML package, which is not read; take the checkpoint it was made from",
        folder("Manifest.json", "Data/"),
    ),
]
