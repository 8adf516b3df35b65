"""Frames: images in a size that people can look at, cross-fades and captions."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgan_tf import pictures
from pgan_tf.film.encoding import Format

_SMALLEST_FONT = 12


class Layout:
    """Arranges images in a grid and enlarges or reduces them to fit a film.

    Each pixel is repeated a whole number of times. Images that are too large are averaged over
    squares of 2, 4, 8, ... pixels.

    Args:
      resolution: height and width of the images.
      columns, rows: the grid in a frame.
      form: the film's format, which limits images and frames if no size is given.
      size: greatest width and height of a frame; small images are enlarged to fill it.
    """

    def __init__(
        self,
        resolution: int,
        columns: int,
        rows: int,
        form: Format,
        size: tuple[int, int] | None = None,
    ):
        self.resolution, self.columns, self.rows = resolution, columns, rows
        self.enlarge, self.reduce = 1, 1
        width, height = size or form.frame_size
        scale = min(width / (columns * resolution), height / (rows * resolution))
        if scale >= 1:
            most = math.floor(scale)
            self.enlarge = most if size else min(most, max(form.image_size // resolution, 1))
        while scale * self.reduce < 1 and self.reduce < resolution:
            self.reduce *= 2

    @property
    def cells(self) -> int:
        """Number of images in a frame."""
        return self.columns * self.rows

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns a frame, uint8 [h, w, 3], from uint8 [cells, r, r, 1 or 3].

        r is `resolution` or, for images of an earlier stage, less; these are enlarged to it.
        """
        images = pictures.enlarge(images, self.resolution)
        if self.reduce > 1:
            means = pictures.average_squares(images, self.resolution // self.reduce)
            images = (means + 0.5).astype(np.uint8)
        images = pictures.enlarge(images, images.shape[1] * self.enlarge)
        frame = pictures.make_grid(images, self.columns)
        return np.broadcast_to(frame, (*frame.shape[:2], 3))


def cross_fade(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """Returns a + (b - a) t, rounded to uint8, for t from 0 to 1."""
    if t <= 0 or t >= 1:
        return b if t >= 1 else a
    mixed = a * np.float32(1 - t) + b * np.float32(t)
    return (mixed + 0.5).astype(np.uint8)


def write_caption(frame: np.ndarray, lines: Sequence[str]) -> np.ndarray:
    """Returns a frame with white text on a darkened ground in its lower left corner.

    Args:
      frame: uint8 [h, w, 3].
      lines: lines of text from top to bottom; if there are none, the frame itself is returned.
    """
    if not lines:
        return frame
    height = frame.shape[0]
    size = max(_SMALLEST_FONT, height // 28)
    font = ImageFont.load_default(size)
    step, margin = round(1.3 * size), size // 2
    width = max(round(font.getlength(line)) for line in lines)
    # Rounded up, so that the ground keeps its width while digits of different widths count up.
    width = -(-width // (2 * size)) * 2 * size + 2 * margin
    top = max(height - step * len(lines) - 2 * margin, 0)
    frame = frame.copy()
    ground = frame[top:, :width]
    ground[...] = ground * np.float32(0.3)
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((margin, top + margin + number * step), line, fill="white", font=font)
    return np.asarray(image)
