import base64
import io

import numpy as np
import pytest
from PIL import Image

from pgan_tf.errors import DamagedError
from pgan_tf.pages.embedding import LOSSLESS, Embedder


def decoded(uri):
    head, _, content = uri.partition(",")
    with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
        return head, np.asarray(picture.convert("RGB"))


@pytest.fixture
def noise(tmp_path):
    pixels = np.random.RandomState(0).randint(0, 256, [64, 128, 3]).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    return tmp_path / "noise.png", pixels


def test_wide_pictures_shrink_to_webp_and_small_pngs_stay(tmp_path):
    narrow, wide = tmp_path / "narrow.png", tmp_path / "wide.png"
    pixels = np.zeros([64, 64], np.uint8)
    pixels[::2, ::2] = 255  # a pattern that PNG packs better than WebP
    Image.fromarray(pixels).save(narrow)
    Image.new("RGB", (200, 8), (1, 2, 3)).save(wide)
    embed = Embedder(100, 75)
    assert embed(narrow) == "data:image/png;base64," + base64.b64encode(narrow.read_bytes()).decode(
        "ascii"
    )
    head, small = decoded(embed(wide))
    assert head == "data:image/webp;base64" and small.shape == (4, 100, 3)


def test_higher_quality_takes_more_bytes(noise):
    path, pixels = noise
    sizes = []
    for quality in (20, 75, LOSSLESS):
        uri = Embedder(1000, quality)(path)
        sizes.append(len(uri))
        error = np.abs(decoded(uri)[1].astype(int) - pixels)
        assert error.max() == 0 if quality == LOSSLESS else error.mean() < 60
    assert sizes == sorted(sizes)


def test_changed_files_are_read_again(noise):
    path, _ = noise
    embed = Embedder(64, 75)
    first = embed(path)
    assert embed(path) is first
    Image.new("RGB", (64, 32), (255, 0, 0)).save(path)
    np.testing.assert_allclose(decoded(embed(path))[1][0, 0], [255, 0, 0], atol=3)


@pytest.mark.parametrize("keep", [0, 30, 2000])
def test_damaged_pictures_are_named(noise, keep):
    path, _ = noise
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedError, match=r"noise\.png is damaged or not a PNG"):
        Embedder(64, 75)(path)


def test_other_formats_and_huge_pictures_are_refused(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", "GIF")
    Image.new("1", (20_000, 10_000)).save(tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        with pytest.raises(DamagedError, match="not a PNG"):
            Embedder(64, 75)(tmp_path / name)
