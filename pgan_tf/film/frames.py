"""What is in a frame: images of a size that people can look at, and a caption."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pgan_tf import pictures
from pgan_tf.film.encoding import Format

_SMALLEST_FONT = 12


class Layout:
    """Lays out images side by side, enlarged or reduced to fit a film.

    Each pixel is repeated a whole number of times; images that are too large are averaged over
    squares of 2, 4, 8, ... pixels.

    Args:
      resolution: height and width of the images.
      columns, rows: of the film's frames.
      form: of the film; where no size is given, it says how large images and frames may be.
      size: most pixels of a frame's width and height; small images are enlarged to fill it.
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
        width, height = size or form.size
        fits = min(width / (columns * resolution), height / (rows * resolution))
        if fits >= 1:
            most = math.floor(fits)
            self.enlarge = most if size else min(most, max(form.still // resolution, 1))
        while fits * self.reduce < 1 and self.reduce < resolution:
            self.reduce *= 2

    @property
    def cells(self) -> int:
        """Images in a frame."""
        return self.columns * self.rows

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns a frame, uint8 [h, w, 3], from uint8 [cells, r, r, 1 or 3].

        r is `resolution`, or less for images of an earlier stage, which come out as large.
        """
        images = pictures.enlarge(images, self.resolution)
        if self.reduce > 1:
            means = pictures.average_squares(images, self.resolution // self.reduce)
            images = (means + 0.5).astype(np.uint8)
        images = pictures.enlarge(images, images.shape[1] * self.enlarge)
        frame = pictures.make_grid(images, self.columns)
        return np.broadcast_to(frame, (*frame.shape[:2], 3))


def cross_fade(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """Returns uint8 a + (b - a) t, rounded, for t from 0 to 1."""
    if t <= 0 or t >= 1:
        return b if t >= 1 else a
    mixed = a * np.float32(1 - t) + b * np.float32(t)
    return (mixed + 0.5).astype(np.uint8)


def write_caption(frame: np.ndarray, lines: Sequence[str]) -> np.ndarray:
    """Returns a frame with white lines of text in its lower left corner, on darkened ground.

    Args:
      frame: uint8 [h, w, 3].
      lines: from the top; none leaves the frame as it is.
    """
    if not lines:
        return frame
    height = frame.shape[0]
    size = max(_SMALLEST_FONT, height // 28)
    font = ImageFont.load_default(size)
    step, margin = round(1.3 * size), size // 2
    width = max(round(font.getlength(line)) for line in lines)
    # The ground keeps its width while digits of several widths count up.
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
