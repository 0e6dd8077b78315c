"""What training scripts leave behind: files of torch.save with one state, several, or a module."""

import argparse
import collections
import dataclasses
import datetime
import enum
import pathlib
import random
from collections.abc import Mapping
from pathlib import Path
from pickle import loads

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from tests.corpus.case import Readable
from tests.corpus.network import NET, OTHER, STATE, adam, pickled, saved, sgd

ZIP, LEGACY = "torch.save archive", "torch.save file of before torch 1.6"


@dataclasses.dataclass
class Config:
    rate: float = 0.1
    layers: tuple[int, ...] = (3, 4)


class Phase(enum.Enum):
    WARM = "warm"


class Weights(collections.OrderedDict):  # type: ignore[type-arg]
    pass


def _one(file: str, content: object, key: str = "", kind: str = "state") -> Readable:
    return Readable(file, ZIP, saved(content), {key: kind}, key)


def _many(file: str, content: object, states: Mapping[str, str], chosen: str | None) -> Readable:
    return Readable(file, ZIP, saved(content), states, chosen)


def _lightning() -> dict[str, object]:
    """As pytorch_lightning.Trainer.save_checkpoint writes it, with a ModelCheckpoint."""
    callback = {"monitor": "loss", "best_model_score": torch.tensor(0.5), "best_k_models": {}}
    return {
        "epoch": 1,
        "global_step": 2,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {f"net.{name}": tensor for name, tensor in STATE.items()},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 1}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'loss', 'mode': 'min'}": callback},
        "optimizer_states": [adam().state_dict()],
        "lr_schedulers": [{"base_lrs": [0.01], "_last_lr": [0.001]}],
        "hparams_name": "kwargs",
        "hyper_parameters": {"rate": 0.1, "path": Path("a/b")},
    }


def _with_random_states() -> dict[str, object]:
    states = {
        "torch": torch.get_rng_state(),
        "cuda": [torch.get_rng_state()],
        "numpy": np.random.RandomState(0).get_state(),
        "python": random.Random(0).getstate(),
    }
    return {"model": STATE, "rng": states, "generator": np.random.RandomState(0)}


def _with_objects() -> dict[str, object]:
    return {
        "state_dict": STATE,
        "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("runs/1")),
        "config": Config(),
        "phase": Phase.WARM,
        "best": np.float64(0.93),
        "flag": np.bool_(True),
        "history": np.arange(5),
        "when": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        "device": torch.device("cpu"),
        "activation": torch.nn.functional.relu,
        "counts": collections.Counter("aab"),
        "metrics": {"loss": torch.tensor(0.5), "confusion": torch.ones(3, 3).long()},
        "class_weights": torch.ones(3),
    }


def _gan() -> dict[str, object]:
    optimizers = {"opt_g": adam().state_dict(), "opt_d": sgd().state_dict()}
    return {"generator": STATE, "discriminator": OTHER, **optimizers}


MODEL_AND_OPTIMIZER = {"model": "state", "optimizer": "optimizer"}
DYNAMO = {f"_orig_mod.{name}": tensor for name, tensor in STATE.items()}
CONTAINERS = [
    _one("state_dict.pth", STATE),
    _one("PYTORCH_MODEL.BIN", STATE),
    _one("no_suffix", STATE),
    _one("model_best.pth.tar", {"epoch": 3, "arch": "net", "state_dict": STATE}, "state_dict"),
    _one("model_state_dict.pt", {"model_state_dict": STATE, "loss": 0.5}, "model_state_dict"),
    _one("deepspeed_mp_rank_00.pt", {"module": STATE, "optimizer": None}, "module"),
    _many(
        "beside_an_optimizer.ckpt",
        lambda: {"model": STATE, "optimizer": adam().state_dict(), "epoch": 1},
        MODEL_AND_OPTIMIZER,
        "model",
    ),
    _many(
        "gan.pt",
        _gan,
        {
            **{"generator": "state", "discriminator": "state"},
            **{"opt_g": "optimizer", "opt_d": "optimizer"},
        },
        None,
    ),
    _many(
        "ema.pt",
        {"model": STATE, "ema": {"shadow": OTHER, "decay": 0.99, "updates": torch.tensor(7)}},
        {"model": "state", "ema/shadow": "state"},
        None,
    ),
    _many(
        "one_state_at_two_keys.pt",
        {"last": STATE, "best": STATE},
        {"last": "state", "best": "state"},
        None,
    ),
    _many(
        "lightning.ckpt",
        _lightning,
        {"state_dict": "state", "optimizer_states/0": "optimizer"},
        "state_dict",
    ),
    _one("random_states.ckpt", _with_random_states(), "model"),
    _one("objects.ckpt", _with_objects(), "state_dict"),
    _one("subclass_of_ordered_dict.pth", Weights(STATE)),
    _one("with_a_number.pth", {**STATE, "epoch": 3}),
    _one("averaged_model.pth", AveragedModel(NET).state_dict()),
    _one("data_parallel.pth", nn.DataParallel(NET).state_dict()),
    _one("compiled.pth", DYNAMO),
    _one("optimizer.pt", lambda: adam().state_dict(), kind="optimizer"),
    _one("optimizer_itself.pt", lambda: adam(), kind="optimizer"),
    _one("list_of_parameters.pt", list(STATE.values())),
    _one("one_tensor.pt", torch.arange(6.0).reshape(2, 3)),
    _one("whole_module.pth", NET, kind="module"),
    _one("whole_data_parallel.pth", nn.DataParallel(NET), kind="module"),
    _many("module_in_a_dict.pt", {"epoch": 1, "net": NET, "ema": None}, {"net": "module"}, "net"),
    Readable("legacy.pt", LEGACY, saved(STATE, archive=False)),
    Readable(
        "legacy_container.pth.tar",
        LEGACY,
        saved({"state_dict": STATE, "best": np.float32(1)}, archive=False),
        {"state_dict": "state"},
        "state_dict",
    ),
    Readable("legacy_module.pt", LEGACY, saved(NET, archive=False), {"": "module"}),
    *(
        Readable(
            f"protocol_{protocol}.pkl",
            "pickle",
            pickled(STATE, protocol),
            load=lambda path, _: loads(path.read_bytes()),
        )
        for protocol in (0, 2, 4, 5)
    ),
    Readable(
        "module.pickle",
        "pickle",
        pickled(NET, 4),
        {"": "module"},
        load=lambda path, _: loads(path.read_bytes()).state_dict(),
    ),
    Readable(
        "detectron_arrays.pkl",
        "pickle",
        pickled({"model": {name: each.numpy() for name, each in STATE.items()}}, 2),
        {"model": "state"},
        "model",
        load=lambda *_: STATE,
    ),
]
