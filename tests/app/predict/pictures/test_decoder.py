"""Pictures become the tensors that torchvision's transforms make of them."""

import io
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from app.errors import InvalidInstances
from app.predict.pictures import decode_picture, decode_pictures, to_pixels
from stateserve.model import ImageInput, Input
from stateserve.model.arrays import to_tensor
from tests.pictures import chunk, oriented, png, saved, with_exif

LENGTHS = st.integers(1, 40)
SIZES = st.lists(LENGTHS, min_size=2, max_size=2)
FLOATS = st.floats(0.125, 10, width=32)
MODES = {"1": 1, "L": 1, "LA": 2, "P": 1, "RGB": 3, "RGBA": 4}


def spec(dtype: str = "float32", **image: object) -> Input:
    layout = image.get("layout", "CHW")
    return Input(name="x", dtype=dtype, shape=[-1] * (1 + len(layout)), image=ImageInput(**image))


def noise(mode: str, width: int, height: int, seed: int = 0) -> Image.Image:
    shape = (height, width, MODES[mode])
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 256, shape, dtype=np.uint8)
    if mode == "1":
        return Image.fromarray(pixels[..., 0]).convert("1")
    picture = Image.fromarray(pixels.squeeze(2) if MODES[mode] == 1 else pixels)
    if mode == "P":
        picture.putpalette(generator.bytes(768))
    return picture


def resize(picture: Image.Image, size: int | list[int], interpolation: str) -> Image.Image:
    """torchvision.transforms.Resize."""
    width, height = picture.size
    if isinstance(size, list):
        new_height, new_width = size
    elif width <= height:
        new_width, new_height = size, int(size * height / width)
    else:
        new_width, new_height = int(size * width / height), size
    method = getattr(Image.Resampling, interpolation.upper())
    return picture.resize((new_width, new_height), method)


def center_crop(values: Tensor, size: list[int]) -> Tensor:
    """torchvision.transforms.CenterCrop of (channels, height, width)."""
    pads: list[int] = []
    for want, have in zip(reversed(size), reversed(values.shape[1:]), strict=True):
        missing = max(want - have, 0)
        pads += [missing // 2, (missing + 1) // 2]
    values = torch.nn.functional.pad(values, pads)
    top, left = (
        round((have - want) / 2.0) for have, want in zip(values.shape[1:], size, strict=True)
    )
    return values[:, top : top + size[0], left : left + size[1]]


def by_torchvision(picture: Image.Image, image: ImageInput) -> Tensor:
    """convert, Resize, CenterCrop, ToTensor and Normalize; float64 (channels, height, width)."""
    picture = picture.convert(image.mode)
    if image.resize is not None:
        picture = resize(picture, image.resize, image.interpolation)
    values = torch.from_numpy(np.array(picture)).reshape(picture.height, picture.width, -1)
    values = values.permute(2, 0, 1)
    if image.crop is not None:
        values = center_crop(values, image.crop)
    values = values.double() * image.scale
    if image.mean is not None:
        values = values - torch.tensor(image.mean).double()[:, None, None]
    if image.std is not None:
        values = values / torch.tensor(image.std).double()[:, None, None]
    return values


@st.composite
def images(draw: st.DrawFn) -> ImageInput:
    mode = draw(st.sampled_from(["L", "RGB", "RGBA"]))
    by_channel = st.none() | st.lists(FLOATS, min_size=len(mode), max_size=len(mode))
    return ImageInput(
        mode=mode,
        resize=draw(st.none() | LENGTHS | SIZES),
        interpolation=draw(
            st.sampled_from(["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
        ),
        crop=draw(st.none() | SIZES),
        scale=draw(st.sampled_from([1 / 255, 1.0])),
        mean=draw(by_channel),
        std=draw(by_channel),
        layout=draw(st.sampled_from(["CHW", "HWC", "HW"] if mode == "L" else ["CHW", "HWC"])),
    )


@given(
    images(),
    st.sampled_from(list(MODES)),
    st.tuples(LENGTHS, LENGTHS),
    st.sampled_from(["float16", "bfloat16", "float32", "float64"]),
    st.sampled_from(["PNG", "JPEG"]),
)
def test_a_picture_becomes_the_tensor_that_torchvision_makes(
    image: ImageInput, mode: str, size: tuple[int, int], dtype: str, format: str
) -> None:
    picture = noise(mode, *size)
    if format == "JPEG":
        picture = picture.convert("RGB" if mode in ("P", "RGBA") else "L")
    content = saved(picture, format)
    wanted = Input(name="x", dtype=dtype, shape=[-1, *image.row_shape], image=image)
    found = to_tensor(decode_picture(content, wanted))
    assert str(found.dtype) == f"torch.{dtype}"
    decoded = noise(mode, *size) if format == "PNG" else Image.open(io.BytesIO(content))
    expected = by_torchvision(decoded, image)
    if image.layout == "HW":
        expected = expected[0]
    if image.layout == "HWC":
        expected = expected.permute(1, 2, 0)
    # Half the distance between two numbers of the dtype, and a few such steps of float32.
    rounding = {"float16": 2**-11, "bfloat16": 2**-8}.get(dtype, 2**-22)
    largest = (255 * image.scale + max(image.mean or [0])) / min(image.std or [1])
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1.01 * rounding * largest)


def pixels_of(content: bytes, mode: str = "RGB") -> np.ndarray:
    """The pixels (height, width, channels) of a picture as it is."""
    return decode_picture(content, spec("uint8", mode=mode, layout="HWC"))


COLUMN = np.array([[0, 255, 256, 32_768, 65_534, 65_535]], np.uint16)


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_become_their_high_8(colour: int, channels: int) -> None:
    values = np.repeat(COLUMN[..., None], channels, axis=2)
    rows = b"\0" + values.astype(">u2").tobytes()
    found = pixels_of(png(6, 1, 16, colour, rows))
    assert found[0].tolist() == [[value] * 3 for value in (0, 0, 1, 128, 255, 255)]


def test_alpha_and_transparent_colours_are_ignored_unless_the_model_takes_alpha() -> None:
    # Four colours with two alphas, as bytes and as one index, and a transparent grey.
    palette = chunk(b"PLTE", bytes(range(12)))
    indexed = b"\0\0\1\2\3"
    for alphas, last in ((b"\0\x80", 255), (b"\xff\0", 255)):
        content = png(4, 1, 8, 3, indexed, palette, chunk(b"tRNS", alphas))
        assert pixels_of(content)[0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
        assert pixels_of(content, "RGBA")[0, :, 3].tolist() == [*alphas, last, last]
    content = png(2, 1, 8, 0, b"\0\7\x09", chunk(b"tRNS", b"\0\7"))
    assert pixels_of(content)[0].tolist() == [[7] * 3, [9] * 3]
    assert pixels_of(content, "RGBA")[0].tolist() == [[7, 7, 7, 0], [9, 9, 9, 255]]
    content = saved(Image.new("RGBA", (1, 1), (200, 100, 0, 0)))
    assert pixels_of(content).tolist() == [[[200, 100, 0]]]


def test_grey_of_colours_is_that_of_itu_r_601() -> None:
    content = saved(Image.new("RGB", (1, 1), (200, 100, 50)))
    assert pixels_of(content, "L").tolist() == [[[round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)]]]


@pytest.mark.parametrize("inks", [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 255, 0), (0, 0, 0, 255)])
def test_cmyk_as_adobe_inverts_it(inks: tuple[int, ...]) -> None:
    content = saved(Image.new("CMYK", (8, 8), inks), "JPEG", quality=100)
    black = 255 - inks[3]
    expected = [(255 - ink) * black / 255 for ink in inks[:3]]
    assert np.abs(pixels_of(content) - expected).max() <= 4
    assert (pixels_of(content, "RGBA")[..., :3] == pixels_of(content)).all()
    luma = np.dot([0.299, 0.587, 0.114], expected)
    assert np.abs(pixels_of(content, "L") - luma).max() <= 4


UPRIGHT = noise("RGB", 3, 2)
# Undo what EXIF says of the stored rows and columns.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[:, ::-1],
}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", STORED)
def test_the_exif_orientation_is_applied(value: int, order: str) -> None:
    upright = np.array(UPRIGHT)
    stored = Image.fromarray(np.ascontiguousarray(STORED[value](upright)))
    whole = saved(stored)
    exif = chunk(b"eXIf", oriented(value, order))
    # In a PNG it may stand before or after the pixels.
    for content in (whole[:33] + exif + whole[33:], whole[:-12] + exif + whole[-12:]):
        assert (pixels_of(content) == upright).all()
    jpeg = saved(stored, "JPEG", quality=95)
    turned = pixels_of(with_exif(jpeg, oriented(value, order)))
    assert (STORED[value](turned) == pixels_of(jpeg)).all()


@pytest.mark.parametrize("exif", [b"", b"MM", b"II*\0", oriented(0), oriented(9), oriented(6)[:-9]])
def test_exif_data_without_an_orientation_turn_nothing(exif: bytes) -> None:
    jpeg = saved(UPRIGHT, "JPEG")
    assert (pixels_of(with_exif(jpeg, exif)) == pixels_of(jpeg)).all()


def test_metadata_are_ignored() -> None:
    profile = b"a profile that is none" * 10_000
    plain, jpeg = saved(UPRIGHT), saved(UPRIGHT, "JPEG")
    assert (pixels_of(saved(UPRIGHT, icc_profile=profile)) == np.array(UPRIGHT)).all()
    assert (pixels_of(saved(UPRIGHT, "JPEG", icc_profile=profile)) == pixels_of(jpeg)).all()
    # 64 MiB of text in 64 KiB.
    text = chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(2**26), 9))
    assert (pixels_of(plain[:33] + text * 10 + plain[33:]) == np.array(UPRIGHT)).all()


def test_what_follows_the_picture_is_ignored() -> None:
    # A phone's second picture, and a video with bytes like those of markers.
    other = saved(noise("RGB", 9, 9), "JPEG")
    for rest in (other, bytes(99) + b"\xff\xda\xff\xc0" * 99):
        for content in (saved(UPRIGHT), saved(UPRIGHT, "JPEG", progressive=True)):
            assert (pixels_of(content + rest) == pixels_of(content)).all()
    phone = saved(UPRIGHT, "MPO", save_all=True, append_images=[noise("RGB", 9, 9)])
    assert pixels_of(phone).shape == (2, 3, 3)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_become_the_greys_that_a_viewer_shows(depth: int) -> None:
    most = 2**depth - 1
    row = bytes([0, most << (8 - depth)])
    assert pixels_of(png(2, 1, depth, 0, row), "L").ravel().tolist() == [255, 0]


def test_pictures_of_a_request_become_one_array() -> None:
    pictures = [noise("RGB", 3 + seed, 9, seed) for seed in range(3)]
    wanted = spec(mode="RGB", resize=[4, 5])
    contents = [saved(picture) for picture in pictures]
    found = decode_pictures(contents, wanted, ["/0", "/1", "/2"])
    assert found.shape == (3, 3, 4, 5)
    for row, content in zip(found, contents, strict=True):
        assert (row == decode_picture(content, wanted)).all()


def test_sizes_that_do_not_fit_are_named_with_their_place() -> None:
    fixed = Input(name="x", dtype="float32", shape=[-1, 3, 2, 3], image=ImageInput(mode="RGB"))
    contents = [saved(noise("RGB", *size)) for size in ((3, 2), (2, 3), (3, 3))]
    with pytest.raises(InvalidInstances) as caught:
        decode_pictures(contents, fixed, ["/a", "/b", "/c"])
    assert [fault.pointer for fault in caught.value.faults] == ["/b", "/c"]
    reason = "2 x 3 pixels become a tensor of [3, 3, 2]; [3, 2, 3] is accepted"
    hint = "; with resize in its `image`, any size is"
    assert caught.value.faults[0].detail == reason + hint
    with pytest.raises(InvalidInstances, match="that of the first picture is \\[3, 2, 3\\]"):
        decode_pictures(contents[:2], spec(mode="RGB"), ["/a", "/b"])


@given(images(), st.sampled_from(["float16", "float32", "float64"]))
def test_pixels_come_back_from_the_values(image: ImageInput, dtype: str) -> None:
    wanted = Input(name="x", dtype=dtype, shape=[-1, *image.row_shape], image=image)
    content = saved(noise("RGBA", 7, 5))
    plain = image.model_copy(update={"layout": "HWC"})
    expected = decode_picture(
        content, spec("uint8", **plain.model_dump() | {"mean": None, "std": None})
    )
    found = to_pixels(decode_picture(content, wanted), wanted)
    # float16 has 11 bits, of which a mean takes some.
    assert np.abs(found.astype(int) - expected).max() <= (40 if dtype == "float16" else 0)
