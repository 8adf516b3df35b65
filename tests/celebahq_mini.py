"""The tiny complete input of CelebA-HQ, read without the program's own reader of the list."""

import functools
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pgan_tf.data.making.celebahq import deltas
from pgan_tf.data.making.celebahq.alignment import align, decode

ROOT = Path(__file__).parent / "golden" / "celebahq_mini"
CELEBA, DELTAS = ROOT / "celeba", ROOT / "deltas"


class Row(NamedTuple):
    """A line of image_list.txt."""

    idx: int
    orig_idx: int
    orig_file: str
    proc_md5: str
    final_md5: str

    @property
    def jpg(self) -> bytes:
        return (CELEBA / "img_celeba" / self.orig_file).read_bytes()

    @property
    def landmarks(self) -> np.ndarray:
        line = (CELEBA / "Anno/list_landmarks_celeba.txt").read_text().splitlines()[2:]
        return np.array(line[self.orig_idx].split()[1:], np.float32).reshape(5, 2)

    @property
    def token(self) -> bytes:
        with zipfile.ZipFile(DELTAS / "deltas00000.zip") as archive:
            return archive.read(f"delta{self.idx:05d}.dat")

    def processed(self) -> np.ndarray:
        return _processed(self)

    def delta(self) -> np.ndarray:
        return deltas.unlock(self.token, self.jpg, self.orig_file)


@functools.cache
def _processed(row: Row) -> np.ndarray:
    image = align(decode(row.jpg), row.landmarks)
    image.flags.writeable = False
    return image


def rows() -> list[Row]:
    lines = (DELTAS / "image_list.txt").read_text().splitlines()[1:]
    return [Row(int(i), int(o), *rest) for i, o, *rest in map(str.split, lines)]
