"""The drawings: the same for a seed, different between seeds, objects and counts."""

from __future__ import annotations

import pytest

from train_client.world.rules import Rules
from train_client.world.scene import COUNTS, SIZE, Scene


def test_a_scene_gives_the_same_picture_every_time() -> None:
    assert Scene("knife", 2, 7).draw().tobytes() == Scene("knife", 2, 7).draw().tobytes()


def test_seed_object_and_count_change_the_picture() -> None:
    scenes = [Scene("knife", 2, 7), Scene("knife", 2, 8), Scene("saw", 2, 7), Scene("knife", 3, 7)]
    assert len({scene.draw().tobytes() for scene in scenes}) == len(scenes)


@pytest.mark.parametrize("count", COUNTS)
def test_every_object_can_be_drawn(rules: Rules, count: int) -> None:
    for thing in rules.kind_of:
        picture = Scene(thing, count, 0).draw()
        assert (picture.mode, picture.size) == ("RGB", (SIZE, SIZE))
        colours = picture.getcolors(SIZE * SIZE)
        assert colours is not None
        assert len(colours) > 2, thing
