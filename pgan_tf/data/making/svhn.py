"""create_svhn: house numbers, cut out of photographs."""

import os

import numpy as np

from pgan_tf import safe_pickle
from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build, sources
from pgan_tf.data.making.matlab import read_house_numbers
from pgan_tf.errors import UserError

NUM_IMAGES = 73_257
_ORIGIN = "http://ufldl.stanford.edu/housenumbers/"
_MATLAB = "train_32x32.mat"
_PICKLES = [f"train_{i}.pkl" for i in range(1, 4)]


def create(
    path: str | os.PathLike,
    svhn_dir: str | os.PathLike,
    *,
    allow_partial: bool = False,
    **options,
) -> int:
    """Makes a data set of SVHN: 73,257 training images, 32x32 RGB, labels, shuffled.

    Args:
      path: the data set's directory.
      svhn_dir: holds train_1.pkl to train_3.pkl, each (images NCHW, labels), or the file that the
        data set's authors publish, train_32x32.mat.
      allow_partial: accepts fewer images.
      options: force, shards, compress; see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    directory = os.fspath(svhn_dir)
    matlab = storage.join(directory, _MATLAB)
    if storage.exists(matlab):
        parts = [_checked(*read_house_numbers(matlab, _ORIGIN), matlab)]
    else:
        names = _PICKLES
        if allow_partial:
            names = [n for n in names if storage.exists(storage.join(directory, n))] or names
        if not any(storage.exists(storage.join(directory, n)) for n in names):
            names = [_MATLAB]
        parts = [_read_pickle(file) for file in sources.find(directory, names, _ORIGIN)]
    images = np.concatenate([images for images, _ in parts])
    classes = np.concatenate([classes for _, classes in parts])
    sources.check_count(len(images), NUM_IMAGES, "images", directory, allow_partial)
    order = build.shuffled(len(images))
    return build.build(
        path,
        sources.ArraySource(images),
        order=order,
        labels=build.one_hot(classes, 10)[order],
        workers=1,
        **options,
    )


def _read_pickle(file: str) -> tuple[np.ndarray, np.ndarray]:
    value = safe_pickle.load(file)
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise UserError(f"{file} holds no pair (images, labels)")
    try:
        images, classes = map(safe_pickle.as_array, value)
    except ValueError as error:
        raise UserError(f"{file} holds {error}") from None
    return _checked(images, classes, file)


def _checked(images: np.ndarray, classes: np.ndarray, file: str) -> tuple[np.ndarray, np.ndarray]:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (3, 32, 32):
        raise UserError(
            f"{file} holds {images.dtype} {list(images.shape)} instead of uint8 [N, 3, 32, 32]"
        )
    return images, sources.check_classes(classes, len(images), 10, file)
