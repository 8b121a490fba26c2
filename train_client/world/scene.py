"""Pictures of the drawn world: one to three copies of an object of `objects.yaml`.

Position, size, mirroring, colours and background vary with the seed, so that only its shape tells
which object it is.
"""

import random
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image, ImageColor, ImageDraw

from train_client.world.rules import load_table

SIZE = 64
"""Pixels of a picture, both sides."""
CELL = SIZE // 2
"""Pixels of a cell, both sides; each copy has one of the four cells."""
COUNTS = (1, 2, 3)
BACKGROUNDS = ("#b8c8d8", "#d8d0b8", "#c0d4b4", "#d8c0c0", "#a8a8b0", "#e4e4e0")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """What a picture shows: `count` copies of `thing`; `seed` determines everything else."""

    thing: str
    count: int
    seed: int

    def draw(self) -> Image.Image:
        """A new RGB picture of SIZE x SIZE pixels; the same scene gives the same bytes."""
        rng = random.Random(f"{self.thing}/{self.count}/{self.seed}")
        picture = Image.new("RGB", (SIZE, SIZE), _vary(rng.choice(BACKGROUNDS), rng))
        canvas = ImageDraw.Draw(picture)
        _paint_ground(canvas, rng)
        entry = _objects()[self.thing]
        for cell in rng.sample(range(4), self.count):
            tint = _vary(rng.choice(entry["palette"]), rng)
            side = rng.uniform(0.78, 0.97) * CELL
            left = (cell % 2) * CELL + rng.uniform(0, CELL - side)
            top = (cell // 2) * CELL + rng.uniform(0, CELL - side)
            _paint(canvas, entry["drawing"], tint, (left, top, side), rng.random() < 0.5)
        return picture


@cache
def _objects() -> dict[str, Any]:
    return load_table("objects.yaml")


def _vary(colour: str, rng: random.Random) -> Colour:
    """A similar colour."""
    red, green, blue = (
        min(255, max(0, channel + rng.randint(-14, 14)))
        for channel in ImageColor.getrgb(colour)[:3]
    )
    return red, green, blue


def _paint_ground(canvas: ImageDraw.ImageDraw, rng: random.Random) -> None:
    """A floor below a random height, in another background colour."""
    horizon = rng.randint(SIZE // 4, SIZE)
    canvas.rectangle((0, horizon, SIZE, SIZE), fill=_vary(rng.choice(BACKGROUNDS), rng))


def _paint(
    canvas: ImageDraw.ImageDraw,
    drawing: list[list[Any]],
    tint: Colour,
    place: tuple[float, float, float],
    mirrored: bool,
) -> None:
    """Paint a drawing of 100 x 100 units into the square `place` = (left, top, side) in pixels."""
    left, top, side = place
    for primitive, fill, *rest in drawing:
        colour = tint if fill == "tint" else fill
        flat: list[float] = rest[-1]
        points = [
            (left + (100 - x if mirrored else x) * side / 100, top + y * side / 100)
            for x, y in zip(flat[::2], flat[1::2], strict=True)
        ]
        if primitive == "line":
            canvas.line(points, fill=colour, width=max(1, round(rest[0] * side / 100)))
        elif primitive == "polygon":
            canvas.polygon(points, fill=colour)
        else:
            (x0, y0), (x1, y1) = points
            box = (min(x0, x1), y0, max(x0, x1), y1)
            (canvas.ellipse if primitive == "ellipse" else canvas.rectangle)(box, fill=colour)
