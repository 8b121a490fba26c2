"""Images that are decoded lazily, so that a dataset's pixels need not fit in memory."""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    RuntimeError,
    struct.error,
    Image.DecompressionBombError,
)
"""What Pillow raises for unreadable images: for example SyntaxError for broken EXIF data,
ValueError for a PNG with more than a megabyte of text, RuntimeError for a broken AVIF."""


@dataclass(frozen=True)
class Picture:
    """An image as it is stored: a file, or the bytes of one that is embedded in parquet."""

    source: Path | bytes
    max_pixels: int = 0
    """Larger images are downscaled to this many pixels; 0: never."""

    def open(self) -> Image.Image:
        """Decode to RGB: rotated as EXIF says, and with transparency composited on white, as the
        models' own processors do. Raises one of `UNREADABLE`."""
        raw = io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source
        with Image.open(raw) as image:
            upright = _rgb(ImageOps.exif_transpose(image))
        if self.max_pixels:
            _shrink(upright, self.max_pixels)
        return upright


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        drawn = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn)
    return image.convert("RGB")


def _eight_bits(grey: Image.Image) -> Image.Image:
    """The high bytes of 16-bit greyscale; `convert` alone would clip all values above 255."""
    # Via mode "I", because `point` does not support the big-endian modes.
    upper = grey.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    upper.info.pop("transparency", None)  # a 16-bit value, meaningless after the conversion
    return upper


def _shrink(image: Image.Image, max_pixels: int) -> None:
    """Downscale in place to at most `max_pixels`, keeping the aspect ratio."""
    scale = math.sqrt(max_pixels / (image.width * image.height))
    if scale < 1:
        image.thumbnail((max(1, int(image.width * scale)), max(1, int(image.height * scale))))
