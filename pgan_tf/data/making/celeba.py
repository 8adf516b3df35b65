"""create_celeba: aligned faces of celebrities, 128x128."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build, sources
from pgan_tf.data.pictures import imagefile
from pgan_tf.data.pictures.imagefile import BadImage
from pgan_tf.errors import UserError

NUM_IMAGES = 202_599
WIDTH, HEIGHT = 178, 218
_ORIGIN = "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
_FOLDERS = (("img_align_celeba_png", ".png"), ("img_align_celeba", ".jpg"))


@dataclasses.dataclass(frozen=True)
class _CelebaSource:
    """The cropped faces; see `build.Source`."""

    directory: str
    left: int
    top: int
    resolution: int = 128
    num_channels: int = 3

    def read(self, items: Sequence[str]) -> np.ndarray:
        """Returns images by file name: uint8 [n, 3, 128, 128]."""
        return np.stack([self._read(storage.join(self.directory, name)) for name in items])

    def _read(self, path: str) -> np.ndarray:
        try:
            with storage.open_binary(path) as file, imagefile.open_image(file.read()) as image:
                if image.size != (WIDTH, HEIGHT) or image.mode != "RGB":
                    raise BadImage(f"{image.mode} {image.size} instead of RGB {WIDTH}x{HEIGHT}")
                pixels = imagefile.pixels_of(image)
        except BadImage as error:
            raise UserError(f"{path}: {error}; fetch it again from {_ORIGIN}") from None
        side = self.resolution
        return pixels[:, self.top : self.top + side, self.left : self.left + side]


def create(
    path: str | os.PathLike,
    celeba_dir: str | os.PathLike,
    cx: int = 89,
    cy: int = 121,
    *,
    allow_partial: bool = False,
    workers: int | None = None,
    **options,
) -> int:
    """Makes a data set of CelebA: 202,599 faces, 128x128 RGB around a point, shuffled.

    Args:
      path: the data set's directory.
      celeba_dir: holds the folder img_align_celeba_png or, of which the pixels differ a little,
        img_align_celeba (JPEG), with all images of 178x218.
      cx, cy: the point that becomes the middle.
      allow_partial: accepts fewer images.
      workers: processes; None: one a processor.
      options: force, shards, compress; see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    if not (64 <= cx <= WIDTH - 64 and 64 <= cy <= HEIGHT - 64):
        raise UserError(
            f"--cx {cx} --cy {cy}: the square of 128 around it leaves the image; choose cx from"
            f" 64 to {WIDTH - 64} and cy from 64 to {HEIGHT - 64}"
        )
    directory, suffix = _find_folder(os.fspath(celeba_dir))
    names = [name for name in storage.names(directory) if name.endswith(suffix)]
    sources.check_count(len(names), NUM_IMAGES, f"*{suffix} files", directory, allow_partial)
    source = _CelebaSource(directory, cx - 64, cy - 64)
    order = [names[i] for i in build.shuffled(len(names))]
    workers = build.num_workers(workers, directory)
    return build.build(path, source, order=order, workers=workers, **options)


def _find_folder(celeba_dir: str) -> tuple[str, str]:
    """Returns the folder of aligned images and their suffix."""
    for folder, suffix in _FOLDERS:
        directory = storage.join(celeba_dir, folder)
        if storage.is_dir(directory):
            return directory, suffix
    raise UserError(
        f"{celeba_dir} has no folder {_FOLDERS[0][0]}; fetch the aligned images,"
        f" {_FOLDERS[0][0]} or {_FOLDERS[1][0]}, from {_ORIGIN} and unpack them there"
    )
