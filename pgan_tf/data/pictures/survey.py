"""Surveys a user's pictures quickly: their number, their sizes, the options they need."""

import dataclasses
import os
import posixpath
import statistics
from collections import deque
from collections.abc import Sequence

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import pyramid
from pgan_tf.data.pictures import imagefile, imagetree
from pgan_tf.data.pictures.formats import SUFFIXES, UNREAD_SUFFIXES, BadImage
from pgan_tf.data.pictures.imagetree import Member, Tree
from pgan_tf.errors import UserError

_MOST_ENTRIES = 20_000  # files and folders of a directory that are listed
_MOST_HEADERS = 64  # pictures whose header is read
_MOST_RESOLUTION = 1024  # the largest resolution that is proposed


@dataclasses.dataclass(frozen=True)
class Survey:
    """The result of a survey.

    Attributes:
      num_pictures: number of picture files, including formats that can't be read.
      is_partial: whether there may be more.
      readable: number of pictures whose header was read without error.
      sizes: the distinct (width, height) of these.
      has_bad: whether some file would have to be left out.
    """

    num_pictures: int
    is_partial: bool
    readable: int
    sizes: Sequence[tuple[int, int]]
    has_bad: bool

    def options(self) -> list[str]:
        """Returns the options that `create_from_images` needs for the pictures."""
        options = []
        shortest = [min(size) for size in self.sizes]
        if len(self.sizes) > 1 or not pyramid.is_valid(shortest[0]):
            middle = min(max(int(statistics.median(shortest)), 4), _MOST_RESOLUTION)
            options.append(f"--resolution {1 << (middle.bit_length() - 1)}")
        if any(width != height for width, height in self.sizes):
            options.append("--crop center")
        return options + (["--skip-bad"] if self.has_bad else [])


def survey(root: str | os.PathLike) -> Survey:
    """Surveys the pictures below a directory or in a zip file.

    Lists at most 20,000 entries of a directory, and reads at most 64 headers.

    Raises: OSError when a directory can't be listed.
    """
    root = os.fspath(root)
    if storage.is_dir(root):
        names, is_partial = _some_names(root)
        members = [Member(name) for name in names if _suffix(name) in SUFFIXES]
        unread = sum(_suffix(name) in UNREAD_SUFFIXES for name in names)
        unnamed = sum(not _suffix(name) for name in names)  # create_from_images takes them too
    else:
        try:
            tree = Tree(root)
        except UserError:
            return Survey(0, False, 0, [], False)
        named = [i for i, name in enumerate(tree.images) if _suffix(name)]
        members, is_partial = tree.members(named), False
        unread, unnamed = len(tree.unread), len(tree.images) - len(named)
    looked_at = min(len(members), _MOST_HEADERS)
    sizes: list[tuple[int, int]] = []
    for i in np.linspace(0, len(members) - 1, looked_at).astype(int):
        try:
            with imagefile.open_image(imagetree.read_file(root, members[i])) as image:
                sizes.append(image.size)
        except BadImage:
            pass
    return Survey(
        len(members) + unread,
        is_partial,
        len(sizes),
        sorted(set(sizes)),
        bool(unread or unnamed or len(sizes) < looked_at),
    )


def _suffix(name: str) -> str:
    return posixpath.splitext(name)[1].lower()


def _some_names(root: str) -> tuple[list[str], bool]:
    """Returns the visible files below a directory, up to a limit, and whether there may be more."""
    found, left, waiting = [], _MOST_ENTRIES, deque([""])
    while waiting:
        folder = waiting.popleft()
        directory = storage.join(root, folder) if folder else root
        for name in storage.names(directory):
            if left == 0:
                return found, True
            left -= 1
            below = posixpath.join(folder, name)
            if name.startswith((".", "__MACOSX")):
                continue
            (waiting if storage.is_dir(storage.join(directory, name)) else found).append(below)
    return found, False
