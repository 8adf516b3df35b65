import hashlib
import io

import celebahq_mini
import numpy as np
import pytest
import scipy.ndimage
from PIL import Image

from pgan_tf.data.making.celebahq import alignment
from pgan_tf.data.making.celebahq.alignment import ImageError


@pytest.mark.parametrize("row", celebahq_mini.rows(), ids=lambda row: row.orig_file)
def test_processed_image_is_the_official_one(row):
    """The seven photographs cover shrinking, enlarging, rotation and padding on each side."""
    assert hashlib.md5(row.processed()).hexdigest() == row.proc_md5


@pytest.mark.parametrize("shape", [(150, 337), (64, 40)])
@pytest.mark.parametrize("sigma", [20.48, 7.3])
def test_gaussian_equals_scipys(shape, sigma):
    """Even where the kernel, cut at 4 sigma, is wider than the image and mirrors several times."""
    image = np.random.RandomState(0).randint(0, 256, shape).astype(np.float32)
    sigma = np.float32(sigma)
    expected = scipy.ndimage.gaussian_filter(image, (sigma, sigma))
    # Equal except for rare float32 values that are rounded the other way.
    np.testing.assert_array_max_ulp(alignment._gaussian(image, sigma), expected, 1)
    assert (alignment._gaussian(image, sigma) == expected).mean() > 0.9999


FACE = np.array([[40, 40], [60, 40], [50, 50], [42, 60], [58, 60]], np.float32)


@pytest.mark.parametrize(
    ("landmarks", "reason"),
    [
        (FACE * 0, "mark no face"),
        (FACE + np.float32(1e4), "outside the photograph"),
        (FACE - np.float32(1e4), "outside the photograph"),
        (FACE * 1e-3, "would take"),
        (FACE * 1e9, "mark no face"),
        (FACE * 3e3, "outside|mark no face|would take"),
        (FACE * np.nan, "mark no face"),
    ],
)
def test_landmarks_that_mark_no_face_are_refused(landmarks, reason):
    with pytest.raises(ImageError, match=reason):
        alignment.align(Image.new("RGB", (100, 100)), landmarks)


def test_decode_refuses_other_and_damaged_files(monkeypatch):
    jpg = celebahq_mini.rows()[0].jpg
    png = io.BytesIO()
    Image.new("RGB", (8, 8)).save(png, "PNG")
    for damaged in (b"", b"not an image", jpg[: len(jpg) // 2], png.getvalue()):
        with pytest.raises(ImageError, match="can't be decoded"):
            alignment.decode(damaged)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 99 * 100)  # a larger image counts as a bomb
    bomb = io.BytesIO()
    Image.new("RGB", (100, 100)).save(bomb, "JPEG")
    with pytest.raises(ImageError, match="decompression bomb"):
        alignment.decode(bomb.getvalue())
