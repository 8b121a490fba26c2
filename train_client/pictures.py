"""Images that are decoded when they are asked for: a data set's pixels need not fit in memory."""

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
"""What Pillow raises for a file that is no image: among others SyntaxError for broken EXIF data,
ValueError for a PNG with more than a megabyte of text, RuntimeError for a broken AVIF."""


@dataclass(frozen=True)
class Picture:
    """An image as it is stored: a file, or the bytes of one that is embedded in parquet."""

    source: Path | bytes
    max_pixels: int = 0
    """A larger one is shrunk to so many; 0: as it is."""

    def open(self) -> Image.Image:
        """Decode it, upright and in RGB, what is transparent as white as models' own processors
        have it. Raises one of `UNREADABLE`."""
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
    """The upper halves of 16-bit greys; `convert` alone makes white of all above 255."""
    # By way of "I", because `point` does not take the big-endian ones.
    upper = grey.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    upper.info.pop("transparency", None)  # one grey of 65,536
    return upper


def _shrink(image: Image.Image, most: int) -> None:
    """Make it, in its own proportions, at most so many pixels large."""
    scale = math.sqrt(most / (image.width * image.height))
    if scale < 1:
        image.thumbnail((max(1, int(image.width * scale)), max(1, int(image.height * scale))))
