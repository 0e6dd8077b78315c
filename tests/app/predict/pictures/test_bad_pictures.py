"""Files that are not one whole picture of bounded size: refused in one line, soon."""

import struct
import subprocess
import sys
from collections.abc import Callable

import pytest
from PIL import Image

from app.errors import BodyTooLarge, InvalidInstances, RequestError
from app.predict.pictures import decode_picture, decode_pictures
from app.predict.pictures.decoder import MAX_REQUEST_BYTES, MAX_REQUEST_PIXELS
from app.predict.pictures.geometry import MAX_PIXELS
from app.predict.pictures.jpeg_file import MAX_SCANS, MAX_SEGMENTS
from app.predict.pictures.multipart_body import MAX_PARTS
from app.predict.pictures.png_file import MAX_CHUNKS
from stateserve.model import ImageInput, Input
from tests.memory import MIB, peak_growth
from tests.pictures import SIGNATURE, chunk, png, saved, segment
from tests.process import forked
from tests.project import ROOT

SPEC = Input(
    name="x", dtype="float32", shape=[-1, 3, 8, 8], image=ImageInput(mode="RGB", crop=[8, 8])
)
PICTURE = Image.linear_gradient("L").convert("RGB").resize((40, 30))
PNG, JPEG = saved(PICTURE), saved(PICTURE, "JPEG")
PROGRESSIVE = saved(PICTURE, "JPEG", progressive=True)


def refusal(content: bytes, spec: Input = SPEC) -> str:
    with pytest.raises(RequestError) as caught:
        decode_picture(content, spec, "/instances/0/x/b64")
    text = str(caught.value)
    assert text.startswith("/instances/0/x/b64: ")
    assert text.isprintable()
    assert len(text) < 300
    return text.partition(": ")[2]


def method(place: int) -> bytes:
    """A PNG whose byte at `place`, a method in its header, is unknown."""
    data = bytearray(PNG[16:29])
    data[place - 16] = 5
    return PNG[:8] + chunk(b"IHDR", bytes(data)) + PNG[33:]


def indexed(*palettes: bytes) -> bytes:
    """A PNG of four pixels, whose highest index is 3."""
    return png(4, 1, 8, 3, b"\0\0\1\2\3", *(chunk(b"PLTE", each) for each in palettes))


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG whose header claims a size, and whose data are a few bytes."""
    return png(width, height, depth, colour, bytes(4096))


def sized(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG with another size in its frame header."""
    start = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:start] + struct.pack(">HH", height, width) + jpeg[start + 4 :]


def animated(format: str) -> bytes:
    return saved(PICTURE, format, save_all=True, append_images=[PICTURE.rotate(90)])


def heic() -> bytes:
    return b"\0\0\0\x18ftypheic" + bytes(64)


OTHER_FORMATS: dict[str, Callable[[], bytes]] = {
    "GIF": lambda: animated("GIF"),
    "WebP": lambda: saved(PICTURE, "WEBP"),
    "BMP": lambda: saved(PICTURE, "BMP"),
    "TIFF": lambda: saved(PICTURE, "TIFF"),
    "HEIC": heic,
    "PDF": lambda: saved(PICTURE, "PDF"),
    "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n" + bytes(64),
    "SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "data:": lambda: b"data:image/png;base64,iVBORw0KGgo=",
    "another format": lambda: b"8BPS" + bytes(64),
    "no bytes": bytes,
}


@pytest.mark.parametrize("name", OTHER_FORMATS)
def test_another_format_is_named_with_those_that_are_accepted(name: str) -> None:
    text = refusal(OTHER_FORMATS[name]())
    assert name in text
    assert text.endswith("; PNG and JPEG are accepted")


def test_no_format_besides_png_and_jpeg_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's reader of EPS runs another program."""
    others = [made() for made in OTHER_FORMATS.values()]
    before = set(sys.modules)
    for content in [*others, PNG[:40], JPEG[:40], b"\xff\xd8" + bytes(64)]:
        refusal(content)
    assert not {name for name in set(sys.modules) - before if name.startswith("PIL.")}


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (header(50_000, 50_000), "50000 x 50000"),
        (sized(JPEG, 50_000, 50_000), "50000 x 50000"),
        (header(2**31 - 1, 2**31 - 1), "2147483647 x 2147483647"),
        # The decoder needs memory for each line of pixels.
        (header(1, 50_000_000), "1 x 50000000"),
        (header(65_536, 1), "65536 x 1"),
    ],
)
def test_too_many_pixels_are_refused_by_the_header(content: bytes, size: str) -> None:
    assert len(content) < 5_000
    texts = []
    assert peak_growth(lambda: texts.append(refusal(content))) < 16 * MIB
    assert f"{size} pixels" in texts[0]
    assert texts[0].endswith("; up to 50000000 pixels are decoded, and 65535 on a side")


def test_a_picture_that_is_resized_to_too_many_pixels_is_refused() -> None:
    thin = Input(
        name="x",
        dtype="float32",
        shape=[-1, 3, 224, 224],
        image=ImageInput(mode="RGB", resize=224, crop=[224, 224]),
    )
    with pytest.raises(BodyTooLarge, match="1 x 5000 pixels, 250880000 as they are or resized"):
        decode_picture(header(1, 5_000), thin)


def test_many_pictures_are_bounded_by_their_sum() -> None:
    large = header(7_000, 7_000)
    with pytest.raises(BodyTooLarge, match="11 pictures of 539000000 pixels; up to 500000000"):
        decode_pictures([large] * 11, SPEC, [f"/{index}" for index in range(11)])
    wide = Input(
        name="x",
        dtype="float64",
        shape=[-1, 3, 4_000, 4_000],
        image=ImageInput(mode="RGB", crop=[4_000, 4_000]),
    )
    with pytest.raises(BodyTooLarge, match=r"become 384000000 bytes; up to 268435456"):
        decode_picture(PNG, wide)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header(0, 5), "a PNG of 0 x 5 pixels"),
        (sized(JPEG, 5, 0), "a JPEG of 5 x 0 pixels"),
        (animated("PNG"), "an animated PNG of 2 frames; one picture is accepted"),
        (method(26), "a PNG of the unknown compression method 5"),
        (method(27), "a PNG of the unknown filter method 5"),
        (method(28), "a PNG of the unknown interlace method 5"),
        (indexed(), "a PNG of indices without a palette (PLTE) before its pixels"),
        (
            indexed(bytes(769)),
            "a PNG with a palette (PLTE) of 769 bytes; 3 for each of up to 256 colours",
        ),
        (indexed(b""), "a PNG with a palette (PLTE) of 0 bytes; 3 for each of up to 256 colours"),
        (
            indexed(bytes(10)),
            "a PNG with a palette (PLTE) of 10 bytes; 3 for each of up to 256 colours",
        ),
        (indexed(bytes(9)), "a PNG with the index 3 in a palette of 3 colours"),
        (PNG[:33] + chunk(b"IDAT", bytes(10**6)), "a PNG with far more data than its rows have"),
        (PNG[:-1], f"a PNG that is cut off after {len(PNG) - 1} bytes"),
        (PNG[:20], "a PNG that is cut off after 20 bytes"),
        (SIGNATURE, "a PNG that is cut off after 8 bytes"),
        (PNG[:60] + b"?" + PNG[61:], "a PNG whose chunk 'IDAT' does not fit its checksum"),
        (PNG[:18] + b"?" + PNG[19:], "a PNG whose chunk 'IHDR' does not fit its checksum"),
        (SIGNATURE + PNG[33:], "a PNG that does not begin with its one IHDR chunk"),
        (PNG[:33] + PNG[8:], "a PNG that does not begin with its one IHDR chunk"),
        (PNG[:33] + chunk(b"CgBI", b"") + PNG[33:], "a PNG with the unknown chunk 'CgBI'"),
        (PNG[:33] + chunk(b"tEXt", b"") * 100_000, "a PNG of more than 100000 chunks"),
        (JPEG[:-2], f"a JPEG that is cut off after {len(JPEG) - 2} bytes"),
        (JPEG[:300], "a JPEG that is cut off after 300 bytes"),
        (JPEG[:20] + b"?" + JPEG[20:], "a JPEG that is broken at byte 20"),
        (JPEG[:2] + segment(0xFE, b"") * 2_000, "a JPEG of more than 2000 segments"),
        (JPEG[:2] + JPEG[-2:], "a JPEG of 0 x 0 pixels"),
    ],
)
def test_a_file_that_is_not_one_whole_picture(content: bytes, reason: str) -> None:
    assert refusal(content) == reason


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    """Each would take as long as the picture."""
    start = PROGRESSIVE.rindex(b"\xff\xda")
    scans = PROGRESSIVE[start:-2]
    assert refusal(PROGRESSIVE[:-2] + scans * 1_000 + PROGRESSIVE[-2:]).endswith(" 32 scans")


def undecodable() -> dict[str, bytes]:
    rows = (b"\0" + bytes(24)) * 8
    frame = JPEG.index(b"\xff\xc0")
    return {
        "no data": png(8, 8, 8, 2, rows).replace(b"IDAT", b"iDAT"),
        "data that are no zlib stream": SIGNATURE
        + PNG[8:33] + chunk(b"IDAT", bytes(100)) + chunk(b"IEND", b""),
        "an unknown depth": png(8, 8, 3, 2, rows),
        "an unknown filter": png(8, 8, 8, 2, rows.replace(b"\0", b"\7")),
        "a short header": SIGNATURE + chunk(b"IHDR", b"") + chunk(b"IEND", b""),
        "a JPEG of 12 bits": JPEG[: frame + 4] + b"\x0c" + JPEG[frame + 5 :],
        "a JPEG of 2 channels": JPEG[: frame + 9] + b"\2" + JPEG[frame + 10 :],
        "a JPEG without its tables": JPEG[:2] + JPEG[frame:],
        "a JPEG without a scan": JPEG[: JPEG.index(b"\xff\xda")] + JPEG[-2:],
        "two frames": JPEG[:frame] + JPEG[frame : frame + 19] + JPEG[frame:],
    }  # fmt: skip


@pytest.mark.parametrize("name", undecodable())
def test_what_pillow_cannot_decode_is_refused(name: str) -> None:
    assert refusal(undecodable()[name])


def test_every_fault_of_a_request_is_named_up_to_a_number() -> None:
    with pytest.raises(InvalidInstances) as caught:
        decode_pictures([PNG, b"", PNG[:50], JPEG], SPEC, ["/0", "/1", "/2", "/3"])
    assert [fault.pointer for fault in caught.value.faults] == ["/1", "/2"]
    with pytest.raises(InvalidInstances) as caught:
        decode_pictures([b""] * 100, SPEC, [f"/{index}" for index in range(100)])
    assert len(caught.value.faults) == 20


def test_the_page_says_the_limits() -> None:
    page = (ROOT / "docs" / "images.md").read_text()
    limits = (MAX_PIXELS, MAX_REQUEST_PIXELS, MAX_REQUEST_BYTES, MAX_PARTS)
    for limit in (*limits, MAX_SCANS, MAX_SEGMENTS, MAX_CHUNKS):
        assert f" | {limit:,} |" in page


CODE = """
import sys
sys.modules["PIL"] = None  # What is None here cannot be imported.
sys.modules["multipart"] = None
from app.errors import NotProvided
from app.predict import MediaType
from app.predict.pictures import decode_picture, read_files
from stateserve.model import ImageInput, Input

spec = Input(name="x", dtype="uint8", shape=[-1, 8, 8], image=ImageInput(mode="L", layout="HW"))
form = MediaType("", {"boundary": "x"})
for read in (lambda: decode_picture(b"", spec), lambda: read_files(b"", form)):
    try:
        read()
    except NotProvided as error:
        print(error)
"""


def test_without_the_extra_the_refusal_says_how_to_install_it() -> None:
    command = forked("-c", CODE)
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert [line.partition(": ")[2] for line in lines] == ["pip install '.[images]'"] * 2
