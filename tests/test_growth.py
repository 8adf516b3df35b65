"""Sheets of how a run's images grew, made from its pictures."""

import io
import json

import numpy as np
import pytest
from made_up import noise, save_png
from PIL import Image

from pgan_tf.errors import UserError
from pgan_tf.growth import first_cells, stage_pictures, stages_sheet
from pgan_tf.pictures import enlarge, make_grid

TICKS = [(500, 4), (1000, 4), (1500, 8), (2010, 8), (2500, 16), (3000, 16)]  # nimg, resolution


@pytest.fixture
def run(tmp_path):
    """A run whose pictures have 3 x 2 images; those of tick i are `noise` with seed i."""
    with open(tmp_path / "stats.jsonl", "w") as file:
        for i, (nimg, resolution) in enumerate(TICKS):
            tick = {
                "tick": i, "nimg": nimg * 1000, "resolution": resolution, "lod": 0.0,
                "minibatch": 4, "time": 1.0, "images_per_sec": 1.0,
            }  # fmt: skip
            file.write(json.dumps(tick) + "\n")
            images = noise(6, resolution, seed=i).transpose(0, 2, 3, 1)
            save_png(tmp_path / f"fakes{nimg:06d}.png", make_grid(enlarge(images, 16), 3))
    return tmp_path


def test_finds_the_last_picture_of_each_resolution(run):
    names = {r: path.name for r, path in stage_pictures(run).items()}
    assert names == {4: "fakes001000.png", 8: "fakes002010.png", 16: "fakes003000.png"}
    (run / "fakes002010.png").unlink()
    assert stage_pictures(run)[8].name == "fakes001500.png"


def test_first_cells_are_cut_from_the_grid(run):
    cells = first_cells(run / "fakes003000.png", 16, 4)
    np.testing.assert_array_equal(cells, noise(4, 16, seed=5).transpose(0, 2, 3, 1))
    gray = noise(6, 16, channels=1).transpose(0, 2, 3, 1)
    save_png(run / "gray.png", make_grid(gray, 2)[..., 0])
    np.testing.assert_array_equal(first_cells(run / "gray.png", 16, 99), gray)


def test_stages_stand_side_by_side(run):
    sheet = stages_sheet(run, 16, count=3, columns=2, zoom=2)
    expected = np.full([2 * 32 + 24, 2 * (3 * 32 + 2 * 4) + 24, 3], 255)
    for i, (y, x) in enumerate([(0, 0), (0, 128), (56, 0)]):
        for j, (seed, size) in enumerate([(1, 4), (3, 8), (5, 16)]):
            image = noise(6, size, seed=seed)[i].transpose(1, 2, 0)
            whole = np.kron(image, np.ones([32 // size, 32 // size, 1]))
            expected[y : y + 32, x + 36 * j : x + 36 * j + 32] = whole
    np.testing.assert_array_equal(sheet, expected)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda png: png[:99], "can't be read"),
        (lambda png: b"GIF89a" + png, "can't be read"),
        (lambda png: saved(np.zeros((24, 48, 3))), "is not a grid of 16x16 images: it is 48x24"),
        (lambda png: saved(np.zeros((16, 48, 3))), "pictures with different numbers of images"),
        (lambda png: saved(np.zeros((32, 48))), "pictures with different numbers of images"),
    ],
)
def test_damaged_and_other_pictures_are_refused(run, damage, message):
    picture = run / "fakes002010.png"
    picture.write_bytes(damage(picture.read_bytes()))
    with pytest.raises(UserError, match=message) as caught:
        stages_sheet(run, 16)
    assert "\n" not in str(caught.value)


def saved(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "png")
    return out.getvalue()


def test_a_run_without_pictures_is_refused(tmp_path):
    with pytest.raises(UserError, match="no pictures of fakes yet"):
        stages_sheet(tmp_path, 16)
