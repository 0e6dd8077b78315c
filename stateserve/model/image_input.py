"""How a picture becomes the tensor of an input."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stateserve.model.fields import ANY, Frozen

Pixels = Annotated[int, Field(ge=1, le=16_384)]
# Wider than any that is used: with these, each value of a picture is finite in float32.
LEAST, MOST = 1e-9, 1e9
Factor = Annotated[float, Field(ge=LEAST, le=MOST)]
Offset = Annotated[float, Field(ge=-MOST, le=MOST)]
Size = Annotated[list[Pixels], Field(min_length=2, max_length=2)]


class ImageInput(Frozen):
    """How a picture becomes one instance of a tensor, in this order, as torchvision does it.

    The picture is rotated as its EXIF orientation says and converted to `mode`. `resize` is the
    new length of the shorter side, or [height, width]; `crop` [height, width] is cut out of the
    centre. Each value, 0 to 255, is multiplied by `scale`; then `mean` is subtracted from each
    channel, and `std` divides it. An input of dtype uint8 has the values as they are. `layout` is
    the order of the tensor's axes.

    Source: torchvision.transforms Resize, CenterCrop, ToTensor and Normalize.
    """

    mode: Literal["L", "RGB", "RGBA"]
    resize: Pixels | Size | None = None
    interpolation: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = (
        "bilinear"
    )
    crop: Size | None = None
    scale: Factor = 1 / 255
    mean: Annotated[list[Offset], Field(max_length=4)] | None = None
    std: Annotated[list[Factor], Field(max_length=4)] | None = None
    layout: Literal["CHW", "HWC", "HW"] = "CHW"

    @property
    def channels(self) -> int:
        return len(self.mode)

    @property
    def row_shape(self) -> list[int]:
        """The shape of one instance; -1 for a length that depends on the picture."""
        resize = self.resize if isinstance(self.resize, list) else [ANY, ANY]
        height, width = self.crop or resize
        lengths = {"C": self.channels, "H": height, "W": width}
        return [lengths[axis] for axis in self.layout]

    @property
    def largest(self) -> float:
        """The largest absolute value of a pixel in a tensor of floats."""
        means = self.mean or [0.0] * self.channels
        deviations = self.std or [1.0] * self.channels
        return max(
            abs(end - mean) / deviation
            for mean, deviation in zip(means, deviations, strict=True)
            for end in (0, 255 * self.scale)
        )

    @model_validator(mode="after")
    def _require_channels(self) -> Self:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != self.channels:
                raise ValueError(
                    f"{name} has {len(values)} values; {self.mode} has {self.channels}"
                )
        if self.layout == "HW" and self.channels != 1:
            raise ValueError(f"layout HW has one channel, and {self.mode} {self.channels}")
        return self
