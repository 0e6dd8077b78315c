"""A model: an architecture, its state and its card.

A checkpoint is loaded whole or refused with a CheckpointError. A loaded model is immutable and
shared by threads. Knows no HTTP, no queue and no registry.
"""

from typing import TYPE_CHECKING

from stateserve.lazy import lazy_exports

if TYPE_CHECKING:
    from stateserve.model.architectures.replica import replicate as replicate
    from stateserve.model.architectures.replica import takes_hooks as takes_hooks
    from stateserve.model.architectures.user_class import ONNX_ALONE as ONNX_ALONE
    from stateserve.model.architectures.user_class import ONNX_SUFFIX as ONNX_SUFFIX
    from stateserve.model.architectures.user_class import PROGRAM_SUFFIX as PROGRAM_SUFFIX
    from stateserve.model.arrays import is_float as is_float
    from stateserve.model.arrays import to_array as to_array
    from stateserve.model.arrays import to_tensor as to_tensor
    from stateserve.model.arrays import to_tensors as to_tensors
    from stateserve.model.backends.backend import Arrays as Arrays
    from stateserve.model.backends.backend import BackendChoice as BackendChoice
    from stateserve.model.backends.backend import require_device as require_device
    from stateserve.model.cards.card_location import CARD_SUFFIX as CARD_SUFFIX
    from stateserve.model.cards.card_location import card_path as card_path
    from stateserve.model.cards.model_card import MAX_EXAMPLES as MAX_EXAMPLES
    from stateserve.model.cards.model_card import ColumnRecord as ColumnRecord
    from stateserve.model.cards.model_card import ExampleRow as ExampleRow
    from stateserve.model.cards.model_card import ModelCard as ModelCard
    from stateserve.model.cards.model_card import TableRecord as TableRecord
    from stateserve.model.cards.tabular_card import Architecture as Architecture
    from stateserve.model.cards.tabular_card import Card as Card
    from stateserve.model.cards.tabular_card import Golden as Golden
    from stateserve.model.cards.training_data import Bootstrap as Bootstrap
    from stateserve.model.cards.training_data import Calibration as Calibration
    from stateserve.model.cards.training_data import Mahalanobis as Mahalanobis
    from stateserve.model.cards.training_data import Reliability as Reliability
    from stateserve.model.cards.training_data import RowHashes as RowHashes
    from stateserve.model.cards.training_data import TrainingRows as TrainingRows
    from stateserve.model.cards.training_record import ClassMetrics as ClassMetrics
    from stateserve.model.cards.training_record import Hyperparameters as Hyperparameters
    from stateserve.model.cards.training_record import Metrics as Metrics
    from stateserve.model.cards.training_record import SeedMetrics as SeedMetrics
    from stateserve.model.cards.training_record import Split as Split
    from stateserve.model.certainty import Novelty as Novelty
    from stateserve.model.certainty import NoveltyDetector as NoveltyDetector
    from stateserve.model.certainty import calibrate as calibrate
    from stateserve.model.checkpoint import save_checkpoint as save_checkpoint
    from stateserve.model.conversion.convert import convert_model as convert_model
    from stateserve.model.equal_axes import Axis as Axis
    from stateserve.model.equal_axes import axes_text as axes_text
    from stateserve.model.example import example_json as example_json
    from stateserve.model.feature import MISSING_CELLS as MISSING_CELLS
    from stateserve.model.feature import Feature as Feature
    from stateserve.model.feature import named_values as named_values
    from stateserve.model.feature import split_unit as split_unit
    from stateserve.model.feature import zeros_hint as zeros_hint
    from stateserve.model.feature_histogram import FeatureHistogram as FeatureHistogram
    from stateserve.model.fields import ANY as ANY
    from stateserve.model.image_input import ImageInput as ImageInput
    from stateserve.model.layers import describe_architecture as describe_architecture
    from stateserve.model.layers import tensors_of as tensors_of
    from stateserve.model.loading.card_file import card_files as card_files
    from stateserve.model.loading.card_file import read_any_card as read_any_card
    from stateserve.model.loading.golden_file import GOLDEN_SUFFIX as GOLDEN_SUFFIX
    from stateserve.model.loading.load import load_model as load_model
    from stateserve.model.loading.model_name import name_and_version as name_and_version
    from stateserve.model.loading.model_name import packed_in as packed_in
    from stateserve.model.loading.options import LoadOptions as LoadOptions
    from stateserve.model.loading.options import classes_file as classes_file
    from stateserve.model.loading.options import parse_classes as parse_classes
    from stateserve.model.model import AnyCard as AnyCard
    from stateserve.model.model import AnyModel as AnyModel
    from stateserve.model.model import Model as Model
    from stateserve.model.model_view import Layer as Layer
    from stateserve.model.model_view import ModelView as ModelView
    from stateserve.model.module_call import describe_failure as describe_failure
    from stateserve.model.module_call import named_outputs as named_outputs
    from stateserve.model.module_call import takes_by_name as takes_by_name
    from stateserve.model.naming import card_like as card_like
    from stateserve.model.naming import card_of_names as card_of_names
    from stateserve.model.packing.packed import Packed as Packed
    from stateserve.model.packing.packed import pack_model as pack_model
    from stateserve.model.packing.place import is_state_file as is_state_file
    from stateserve.model.packing.save_model import save_model as save_model
    from stateserve.model.packing.torchserve_archive import archive_of as archive_of
    from stateserve.model.predictor import Predictor as Predictor
    from stateserve.model.probabilities import PROBABILITY_ROUNDING as PROBABILITY_ROUNDING
    from stateserve.model.probabilities import classified_output as classified_output
    from stateserve.model.probabilities import log_probabilities as log_probabilities
    from stateserve.model.probabilities import require_probabilities as require_probabilities
    from stateserve.model.signature import MAX_AXES as MAX_AXES
    from stateserve.model.signature import Input as Input
    from stateserve.model.signature import Output as Output
    from stateserve.model.signature import Signature as Signature
    from stateserve.model.signature_inference.hint_forms import hints_of as hints_of
    from stateserve.model.signature_inference.hints import Hints as Hints
    from stateserve.model.signature_inference.histograms import histograms as histograms
    from stateserve.model.tensor_model import TensorModel as TensorModel
    from stateserve.model.tensor_model import require_close as require_close

__getattr__ = lazy_exports(
    __name__,
    {
        "architectures.replica": ("replicate", "takes_hooks"),
        "module_call": ("describe_failure", "named_outputs", "takes_by_name"),
        "architectures.user_class": ("ONNX_ALONE", "ONNX_SUFFIX", "PROGRAM_SUFFIX"),
        "arrays": ("is_float", "to_array", "to_tensor", "to_tensors"),
        "backends.backend": ("Arrays", "BackendChoice", "require_device"),
        "cards.tabular_card": ("Architecture", "Card", "Golden"),
        "cards.card_location": ("CARD_SUFFIX", "card_path"),
        "loading.model_name": ("name_and_version", "packed_in"),
        "loading.card_file": ("card_files", "read_any_card"),
        "certainty": ("Novelty", "NoveltyDetector", "calibrate"),
        "equal_axes": ("Axis", "axes_text"),
        "example": ("example_json",),
        "checkpoint": ("save_checkpoint",),
        "conversion.convert": ("convert_model",),
        "feature": ("MISSING_CELLS", "Feature", "named_values", "split_unit", "zeros_hint"),
        "layers": ("describe_architecture", "tensors_of"),
        "signature_inference.histograms": ("histograms",),
        "signature_inference.hint_forms": ("hints_of",),
        "signature_inference.hints": ("Hints",),
        "loading.load": ("load_model",),
        "loading.options": ("LoadOptions", "classes_file", "parse_classes"),
        "model": ("AnyCard", "AnyModel", "Model"),
        "cards.model_card": (
            "MAX_EXAMPLES",
            "ColumnRecord",
            "ExampleRow",
            "ModelCard",
            "TableRecord",
        ),
        "model_view": ("Layer", "ModelView"),
        "naming": ("card_like", "card_of_names"),
        "loading.golden_file": ("GOLDEN_SUFFIX",),
        "packing.packed": ("Packed", "pack_model"),
        "packing.place": ("is_state_file",),
        "packing.save_model": ("save_model",),
        "packing.torchserve_archive": ("archive_of",),
        "predictor": ("Predictor",),
        "probabilities": (
            "PROBABILITY_ROUNDING",
            "classified_output",
            "log_probabilities",
            "require_probabilities",
        ),
        "fields": ("ANY",),
        "image_input": ("ImageInput",),
        "signature": ("Input", "MAX_AXES", "Output", "Signature"),
        "tensor_model": ("TensorModel", "require_close"),
        "feature_histogram": ("FeatureHistogram",),
        "cards.training_data": (
            "Bootstrap",
            "Calibration",
            "Mahalanobis",
            "Reliability",
            "RowHashes",
            "TrainingRows",
        ),
        "cards.training_record": (
            "ClassMetrics",
            "Hyperparameters",
            "Metrics",
            "SeedMetrics",
            "Split",
        ),
    },
)
