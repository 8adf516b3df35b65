"""Frame sizes, cross-fades and captions."""

import numpy as np
import pytest

from pgan_tf.film.encoding import FORMATS
from pgan_tf.film.frames import Layout, cross_fade, write_caption

MP4, GIF = FORMATS[".mp4"], FORMATS[".gif"]


@pytest.mark.parametrize(
    ("resolution", "grid", "form", "size", "frame"),
    [
        (1024, (3, 2), MP4, None, (1024, 1536)),  # halved to fit 1920x1080
        (64, (3, 2), MP4, None, (512, 768)),  # enlarged to 256 pixels each
        (64, (3, 2), GIF, None, (256, 384)),
        (64, (3, 2), MP4, (1920, 1080), (1024, 1536)),
        (4, (32, 32), MP4, (10, 10), (32, 32)),  # no image gets smaller than a pixel
        (256, (1, 1), MP4, (100, 100), (64, 64)),
    ],
)
def test_frames_fit_the_requested_size(resolution, grid, form, size, frame):
    layout = Layout(resolution, *grid, form, size)
    images = np.zeros((layout.cells, resolution, resolution, 1), np.uint8)
    assert layout(images).shape == (*frame, 3)


def test_large_images_are_averaged_and_small_ones_repeated():
    images = np.random.RandomState(0).randint(0, 256, (2, 4, 4, 3)).astype(np.uint8)
    reduced = Layout(4, 2, 1, MP4, (4, 2))(images)
    assert reduced.shape == (2, 4, 3)
    expected = images[1, 2:, :2].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(reduced[1, 2], expected, atol=0.5)
    enlarged = Layout(4, 2, 1, MP4, (24, 99))(images)
    np.testing.assert_array_equal(enlarged[::3, 12::3], images[1])
    coarse = Layout(8, 2, 1, MP4, (16, 8))(images)  # images of a stage of half the resolution
    np.testing.assert_array_equal(coarse[::2, :8:2], images[0])


def test_cross_fade_is_linear():
    a, b = np.full((2, 2, 3), 10, np.uint8), np.full((2, 2, 3), 250, np.uint8)
    assert [int(cross_fade(a, b, t)[0, 0, 0]) for t in (0, 0.25, 0.5, 1)] == [10, 70, 130, 250]


def test_a_caption_is_white_on_dark_in_the_lower_left_corner():
    frame = np.full((200, 400, 3), 120, np.uint8)
    captioned = write_caption(frame, ["Images shown 1,234"])
    changed = (captioned != frame).any(axis=-1)
    assert changed.any() and not changed[:150].any() and not changed[:, 250:].any()
    assert captioned.max() == 255 and captioned[-1, 0].tolist() == [36, 36, 36]
    assert (frame == 120).all()
    assert write_caption(frame, []) is frame
    assert write_caption(frame[:8, :8], ["wider than the frame"]).shape == (8, 8, 3)
