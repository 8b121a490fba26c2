"""An image has the colours that a person sees, however it is stored."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image

from train_client.data.pictures import Picture

WHITE = (255, 255, 255)


def opened(image: Image.Image, file_format: str = "PNG", **options: Any) -> list[Any]:
    """The pixels of the first row of what a file with this image is decoded to."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    found = Picture(buffer.getvalue()).open()
    assert found.mode == "RGB"
    return [found.getpixel((x, 0)) for x in range(found.width)]


def drawn(mode: str, *pixels: Any) -> Image.Image:
    image = Image.new(mode, (len(pixels), 1))
    for x, pixel in enumerate(pixels):
        image.putpixel((x, 0), pixel)
    return image


@pytest.mark.parametrize(("file_format", "order"), [("PNG", "<"), ("TIFF", "<"), ("TIFF", ">")])
def test_greys_of_16_bits_keep_their_shades(file_format: str, order: str) -> None:
    """A depth map, say, or an X-ray."""
    pixels = struct.pack(f"{order}4H", 0, 256, 0x8000, 0xFFFF)
    grey = Image.frombytes("I;16B" if order == ">" else "I;16", (4, 1), pixels)
    assert opened(grey, file_format) == [(shade,) * 3 for shade in (0, 1, 128, 255)]


def test_one_transparent_grey_of_16_bits_hides_no_other() -> None:
    assert opened(drawn("I;16", 0, 0x8000), transparency=0x8000) == [(0, 0, 0), (128, 128, 128)]


@pytest.mark.parametrize(
    ("mode", "pixels"),
    [
        ("RGBA", [(0, 0, 0, 0), (255, 0, 0, 128), (0, 0, 9, 255)]),
        ("LA", [(0, 0), (0, 128), (9, 255)]),
    ],
)
def test_what_is_transparent_is_white_and_the_rest_in_proportion(
    mode: str, pixels: list[tuple[int, ...]]
) -> None:
    """A logo's dark letters on nothing would be black on black."""
    seen, half, whole = opened(drawn(mode, *pixels))
    assert seen == WHITE
    assert half == ((255, 127, 127) if mode == "RGBA" else (127, 127, 127))
    assert whole == ((0, 0, 9) if mode == "RGBA" else (9, 9, 9))


@pytest.mark.parametrize(
    ("file_format", "transparency", "red"),
    [("PNG", 0, (255, 0, 0)), ("GIF", 0, (255, 0, 0)), ("PNG", b"\0\x80", (255, 127, 127))],
)
def test_so_it_is_in_a_palette(file_format: str, transparency: Any, red: Any) -> None:
    image = drawn("P", 0, 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    assert opened(image, file_format, transparency=transparency) == [WHITE, red]


def test_so_is_one_colour_that_stands_for_nothing() -> None:
    image = drawn("RGB", (1, 2, 3), (9, 9, 9))
    assert opened(image, transparency=(1, 2, 3)) == [WHITE, (9, 9, 9)]


def test_what_models_processors_make_of_transparency_is_the_same() -> None:
    """Those that convert to RGB themselves: the policy sees one picture with any of them."""
    from transformers.image_transforms import convert_to_rgb

    image = drawn("RGBA", *[(red, 40, 200, alpha) for red in (0, 90) for alpha in range(0, 256, 5)])
    theirs: Any = convert_to_rgb(image, return_numpy=True)
    assert opened(image) == [tuple(pixel) for pixel in theirs[0].tolist()]
