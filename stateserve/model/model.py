"""The common part of every loaded model: a module with its state, card, name and version."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import Generic, TypeVar

from torch import nn

from stateserve.checkpoint import Array
from stateserve.inspect import Entry, EntryOutline, describe_entry, describe_state, outline_state
from stateserve.model.arrays import to_array
from stateserve.model.background import in_background
from stateserve.model.cards.model_card import ModelCard
from stateserve.model.cards.tabular_card import Card
from stateserve.model.feature import Feature
from stateserve.model.feature_histogram import FeatureHistogram
from stateserve.model.layers import describe_layers
from stateserve.model.model_view import Layer
from stateserve.model.signature import Signature

Module = TypeVar("Module", bound=nn.Module, covariant=True)


AnyCard = Card | ModelCard
CardType = TypeVar("CardType", bound=AnyCard, covariant=True)


@dataclass(frozen=True)
class Model(ABC, Generic[Module, CardType]):
    """An immutable model: module in evaluation mode, card, name and version; `loaded` is when, in
    seconds since the epoch."""

    module: Module
    card: CardType
    name: str
    version: str = "1"
    loaded: float = field(default_factory=time.time, kw_only=True, repr=False, compare=False)
    _describing: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)
    _described: dict[str, Future[Entry]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    @abstractmethod
    def signature(self) -> Signature:
        """The named inputs and outputs of the module."""

    @property
    @abstractmethod
    def backend_name(self) -> str:
        """The program that runs the forward pass."""

    @property
    @abstractmethod
    def example(self) -> Mapping[str, Array]:
        """Inputs by name, with one instance."""

    @abstractmethod
    def run_example(self, module: nn.Module) -> object:
        """Run a replica of the module on the example."""

    @property
    def state_sha256(self) -> str:
        """The hash that loading verified, as 64 hexadecimal digits."""
        return self.card.state_sha256

    @property
    def classes(self) -> list[str]:
        """The names of the classes; empty for a model that does not classify."""
        return []

    @property
    def features(self) -> list[str]:
        """The names of the columns; empty for a model of other inputs than a table."""
        return []

    @property
    def reference(self) -> list[tuple[Feature, FeatureHistogram]]:
        """The columns of a table with their values in training; empty if these are not known."""
        return []

    @property
    def warnings(self) -> list[str]:
        """Warnings for users of the model."""
        return self.card.warnings

    def describe(self) -> Future[list[Entry]]:
        """Every state_dict entry, computed once, in the background, at the first call."""
        with self._describing:
            return self._description

    @cached_property
    def _description(self) -> Future[list[Entry]]:
        return in_background(partial(describe_module, self.module))

    def describe_tensor(self, outline: EntryOutline) -> Future[Entry]:
        """One entry, computed once, without waiting for those of the whole state."""
        with self._describing:
            found = self._described.get(outline.name)
            if found is None:
                compute = partial(describe_tensor, self.module, outline)
                found = self._described[outline.name] = in_background(compute)
            return found

    @cached_property
    def outline(self) -> list[EntryOutline]:
        """Every state_dict entry without anything that needs its values."""
        return outline_state(self.module.state_dict(), _trainable(self.module))

    def layers(self) -> Future[list[Layer]]:
        """Every layer of the module, described as `describe` does."""
        with self._describing:
            return self._layers

    @cached_property
    def _layers(self) -> Future[list[Layer]]:
        return in_background(partial(describe_layers, self.module, self.run_example))

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The state_dict's tensors as C-contiguous NumPy arrays, over its memory where it is."""
        return {name: to_array(tensor) for name, tensor in self.module.state_dict().items()}


AnyModel = Model[nn.Module, AnyCard]


def describe_module(module: nn.Module) -> list[Entry]:
    """The entries of the module's state_dict, in its order, with their kinds."""
    return describe_state(module.state_dict(), _trainable(module))


def describe_tensor(module: nn.Module, outline: EntryOutline) -> Entry:
    """One of these entries."""
    return describe_entry(outline, module.state_dict()[outline.name])


def _trainable(module: nn.Module) -> dict[str, bool]:
    # With all names of tied parameters.
    parameters = module.named_parameters(remove_duplicate=False)
    return {name: each.requires_grad for name, each in parameters}
