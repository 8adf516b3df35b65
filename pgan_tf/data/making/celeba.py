"""create_celeba: makes a data set of celebrities' aligned faces, 128x128."""

import dataclasses
import os
import re
from collections.abc import Sequence

import numpy as np

from pgan_tf.data import contents, storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build, sources
from pgan_tf.data.pictures import imagefile, imagetree
from pgan_tf.data.pictures.imagefile import BadImage
from pgan_tf.data.pictures.imagetree import Member
from pgan_tf.errors import UserError

NUM_IMAGES = 202_599
WIDTH, HEIGHT = 178, 218
_ORIGIN = "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
_FOLDERS = (("img_align_celeba_png", ".png"), ("img_align_celeba", ".jpg"))


@dataclasses.dataclass(frozen=True)
class _CelebaSource:
    """Reads and crops the faces; see `build.Source`.

    root: the directory or zip file with the images.
    left, top: position of the square in an image.
    """

    root: str
    left: int
    top: int
    resolution: int = 128
    num_channels: int = 3

    def read(self, items: Sequence[Member]) -> np.ndarray:
        """Returns the faces of these files: uint8 [n, 3, 128, 128]."""
        return np.stack([self._read(member) for member in items])

    def _read(self, member: Member) -> np.ndarray:
        try:
            with imagefile.open_image(imagetree.read_file(self.root, member)) as image:
                if image.size != (WIDTH, HEIGHT) or image.mode != "RGB":
                    raise BadImage(f"{image.mode} {image.size} instead of RGB {WIDTH}x{HEIGHT}")
                pixels = imagefile.pixels_of(image)
        except BadImage as error:
            path = storage.join(self.root, member.name)
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
      celeba_dir: directory with the folder img_align_celeba_png or img_align_celeba (JPEG, whose
        pixels differ a little), which hold images of 178x218; or either folder itself, also as a
        zip file such as img_align_celeba.zip.
      cx, cy: the point in each image that becomes the centre, in pixels from the left and top.
      allow_partial: True to accept fewer images.
      workers: number of processes, None for one per processor.
      options: force, shards, compress; see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    if not (64 <= cx <= WIDTH - 64 and 64 <= cy <= HEIGHT - 64):
        raise UserError(
            f"--cx {cx} --cy {cy}: the 128x128 square around this point leaves the image; choose cx"
            f" from 64 to {WIDTH - 64} and cy from 64 to {HEIGHT - 64}"
        )
    root, members = _find(os.fspath(celeba_dir))
    suffix = os.path.splitext(members[0].name)[1]
    sources.check_count(len(members), NUM_IMAGES, f"*{suffix} files", root, allow_partial)
    source = _CelebaSource(root, cx - 64, cy - 64)
    order = [members[i] for i in build.shuffled(len(members))]
    workers = build.num_workers(workers, root)
    return build.build(path, source, order=order, workers=workers, **options)


def _find(celeba_dir: str) -> tuple[str, list[Member]]:
    """Returns the folder or zip file of the aligned images, and the images sorted by name.

    Raises: UserError.
    """
    for folder, suffix in _FOLDERS:
        below = (folder, f"{folder}/{folder}", f"Img/{folder}", f"Img/{folder}/{folder}")
        places = sources.directories(celeba_dir, below)
        # Subfolders come before the directory itself; zip files come last.
        for directory in (*places[1:], places[0]):
            if storage.is_dir(directory):
                names = [name for name in storage.names(directory) if _is_face(name, suffix)]
                if names:
                    return directory, list(map(Member, names))
        for zipped in (celeba_dir, *(storage.join(d, f"{folder}.zip") for d in places)):
            if contents.kind_of(contents.head_of(zipped)) == "a zip file":
                tree = imagetree.Tree(zipped)
                chosen = [i for i, name in enumerate(tree.images) if _is_face(name, suffix)]
                if chosen:
                    return zipped, tree.members(chosen)
    raise UserError(
        f"{celeba_dir} has no folder {_FOLDERS[0][0]}; fetch the aligned images,"
        f" {_FOLDERS[0][0]} or {_FOLDERS[1][0]}, from {_ORIGIN} and unpack them there"
    )


def _is_face(name: str, suffix: str) -> bool:
    """Returns whether a file is named like CelebA's images, such as 000001.jpg."""
    return re.fullmatch(rf"(.*/)?\d{{6}}\{suffix}", name) is not None
