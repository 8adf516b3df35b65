"""Reads the pictures to project: cropped to a square and resized to a network's resolution."""

import os
from dataclasses import dataclass

import numpy as np

from pgan_tf.data.pictures import imagefile, imagetree
from pgan_tf.data.pictures.formats import BadImage
from pgan_tf.data.pictures.imagefile import Preparation
from pgan_tf.data.pictures.imagetree import Member
from pgan_tf.errors import UserError

_LEAST = 4  # least height and width of a picture


@dataclass(frozen=True)
class Target:
    """A picture to project.

    Attributes:
      path: the file.
      pixels: uint8 [r, r, C].
      size: width and height of the picture in the file.
    """

    path: str
    pixels: np.ndarray
    size: tuple[int, int]

    def what_was_done(self) -> str:
        """Returns how the file's picture was changed, as text; "" if it was not."""
        width, height = self.size
        r = self.pixels.shape[0]
        if (width, height) == (r, r):
            return ""
        cropped = ", cropped to the square in its middle" if width != height else ""
        return f"{width}x{height}{cropped}, resized to {r}x{r}"


def read_target(path: str | os.PathLike, resolution: int, num_channels: int) -> Target:
    """Reads a picture upright, in sRGB or gray, crops its middle square and resizes by Lanczos.

    Transparent parts become white. Of several frames, the first is used.

    Raises: UserError, one line that names the file, when it does not exist or can't be used.
    """
    path = os.fspath(path)
    folder, name = os.path.split(path)
    if not os.path.exists(path):
        raise UserError(f"--image {path} does not exist")
    if os.path.isdir(path):
        raise UserError(f"--image {path} is a directory; name a picture file in it")
    try:
        content = imagetree.read_file(folder or ".", Member(name))
        with imagefile.open_image(content) as image:
            size = image.size
            if min(size) < _LEAST:
                raise BadImage(
                    f"{size[0]}x{size[1]} pixels, and at least {_LEAST}x{_LEAST} are needed"
                )
            preparation = Preparation(resolution=resolution, crop="center", channels=num_channels)
            pixels = imagefile.prepare(image, preparation)  # [C, r, r]
    except BadImage as error:
        raise UserError(f"--image {path} can't be used: {error}") from None
    return Target(path, np.ascontiguousarray(pixels.transpose(1, 2, 0)), size)
