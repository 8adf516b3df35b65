"""Film files against their decoding by PyAV or Pillow."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from films import decode, gradient
from PIL import Image

from pgan_tf.errors import UserError
from pgan_tf.film import encoding

ENDINGS = [".mp4", ".webm", ".webp", ".gif"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_frames_keep_their_order_and_colours(ending, tmp_path):
    path = tmp_path / "new" / f"film{ending}"
    frames = list(gradient(12, 64, 96))
    with encoding.writing(path, 25) as add:
        for frame in frames:
            add(frame)
    found, fps = decode(path)
    assert len(found) == len(frames) and fps == 25
    assert found[0].shape == (64, 96, 3)
    # Coding is lossy; each of the two gradients gets 16 of a GIF's 256 colours, so up to 8 off.
    most = 8 if ending == ".gif" else 5
    for seen, wanted in zip(found, frames, strict=True):
        difference = seen.astype(float) - wanted
        assert np.abs(difference).mean(axis=(0, 1)).max() < most
        # Mistaking BT.601 for BT.709 or full for limited range would shift colours by 10 or more.
        assert np.abs(difference.mean(axis=(0, 1))).max() < 3
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_odd_sizes_are_made_even_for_h264(tmp_path):
    for ending, size in ((".mp4", (34, 22)), (".gif", (33, 21))):
        with encoding.writing(tmp_path / f"a{ending}", 10) as add:
            add(np.full((21, 33, 1), 200, np.uint8))  # gray
        (frame,), _ = decode(tmp_path / f"a{ending}")
        assert frame.shape == (size[1], size[0], 3)
        assert np.abs(frame.astype(float) - 200).max() <= 3


@pytest.mark.parametrize("ending", [".webp", ".gif"])
def test_animated_pictures_loop_for_ever(ending, tmp_path):
    with encoding.writing(tmp_path / f"a{ending}", 10) as add:
        for frame in gradient(3, 16, 16):
            add(frame)
    with Image.open(tmp_path / f"a{ending}") as image:
        assert image.info["loop"] == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interruption_keeps_the_older_film(ending, tmp_path):
    path = tmp_path / f"film{ending}"
    for before in (None, b"an older film"):
        if before:
            path.write_bytes(before)
        with pytest.raises(KeyboardInterrupt), encoding.writing(path, 30) as add:
            for frame in gradient(4, 32, 32):
                add(frame)
            raise KeyboardInterrupt
        assert [p.read_bytes() for p in tmp_path.iterdir()] == ([before] if before else [])


def test_wrong_endings_directories_and_rates_are_refused(tmp_path):
    for name, message in (
        ("a.avi", ".avi is not a film format; choose one of .mp4, .webm, .webp, .gif"),
        ("a", "the name has no ending; choose one of .mp4"),
        (".mp4", "the name has no ending"),
    ):
        with pytest.raises(UserError, match=message):
            encoding.check(tmp_path / name, 30)
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(UserError, match=r"b\.mp4 is a directory; name a file in it"):
        encoding.check(tmp_path / "b.mp4", 30)
    with pytest.raises(UserError, match=r"a GIF shows 50 frames a second at most"):
        encoding.check("a.gif", 60)
    assert encoding.check("a.gif", 50).codec == "gif"  # follows the message
    assert encoding.check("A.MP4", 60).codec == "libx264"


def test_a_missing_encoder_is_named_with_the_alternatives(tmp_path, monkeypatch):
    missing = replace(encoding.FORMATS[".mp4"], codec="libnothing")
    monkeypatch.setitem(encoding.FORMATS, ".mp4", missing)
    with pytest.raises(UserError, match=r"no encoder libnothing; end --out in \.webm or \.webp or"):
        encoding.check(tmp_path / "a.mp4", 30)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"films need PyAV .*: python -m pip install av$"):
        encoding.check(tmp_path / "a.webm", 30)


def test_a_failing_encoder_is_reported_and_leaves_nothing(tmp_path):
    with (
        pytest.raises(UserError, match=r"a\.mp4 can't be written"),
        encoding.writing(tmp_path / "a.mp4", 30) as add,
    ):
        add(np.zeros((2, 40_000, 3), np.uint8))  # wider than H.264 allows
    assert not list(tmp_path.iterdir())
