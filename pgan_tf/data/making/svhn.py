"""create_svhn: makes a data set of house number digits, cropped from photographs."""

import contextlib
import os
from collections.abc import Iterator

import numpy as np

from pgan_tf import safe_pickle
from pgan_tf.data import contents, storage
from pgan_tf.data.format import writer
from pgan_tf.data.labels import one_hot
from pgan_tf.data.making import archives, build, sources
from pgan_tf.data.making.matlab import read_house_numbers
from pgan_tf.errors import UserError

NUM_IMAGES = 73_257
_ORIGIN = "http://ufldl.stanford.edu/housenumbers/"
_MATLAB = "train_32x32.mat"
PICKLES = [f"train_{i}.pkl" for i in range(1, 4)]
_FOLDERS = ("svhn", "SVHN", "housenumbers", "format2")


def create(
    path: str | os.PathLike,
    svhn_dir: str | os.PathLike,
    *,
    allow_partial: bool = False,
    **options,
) -> int:
    """Makes a data set of SVHN: 73,257 training images, 32x32 RGB, labelled and shuffled.

    Args:
      path: the data set's directory.
      svhn_dir: directory with train_1.pkl to train_3.pkl, each (images NCHW, labels), or with
        train_32x32.mat, the file that SVHN's authors publish; or one of these files, or a tar
        archive of them.
      allow_partial: True to accept fewer images.
      options: force, shards, compress; see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    place = os.fspath(svhn_dir)
    with _files(place, allow_partial) as files:
        parts = [(_read_pickle if f.endswith(".pkl") else _read_matlab)(f) for f in files]
    images = np.concatenate([images for images, _ in parts])
    classes = np.concatenate([classes for _, classes in parts])
    sources.check_count(len(images), NUM_IMAGES, "images", place, allow_partial)
    order = build.shuffled(len(images))
    return build.build(
        path,
        sources.ArraySource(images),
        order=order,
        labels=one_hot(classes, 10)[order],
        workers=1,
        **options,
    )


def find(place: str) -> str | None:
    """Returns the path of the MATLAB file, pickles' directory or archive; None without any."""
    if storage.exists(place) and not storage.is_dir(place):
        if contents.is_tar(place):
            return place
        if contents.kind_of(contents.head_of(place)) == "a MATLAB file":
            return place
    for directory in sources.directories(place, _FOLDERS):
        matlab = storage.join(directory, _MATLAB)
        if storage.exists(matlab):
            return matlab
        if any(storage.exists(storage.join(directory, name)) for name in PICKLES):
            return directory
    return None


@contextlib.contextmanager
def _files(place: str, allow_partial: bool) -> Iterator[list[str]]:
    """Yields the paths of the MATLAB file or the pickles. Raises: UserError if there is none."""
    found = find(place)
    if found is None:
        directory = sources.directories(place)[0]
        raise sources.missing(storage.join(directory, _MATLAB), [_MATLAB], directory, _ORIGIN)
    if storage.is_dir(found):
        names = PICKLES
        if allow_partial:
            names = [n for n in names if storage.exists(storage.join(found, n))]
        yield sources.find(found, names, _ORIGIN)
    elif not contents.is_tar(found):
        yield [found]
    else:
        with archives.unpacked(found, (_MATLAB, *PICKLES)) as directory:
            if find(directory) is None:
                raise UserError(
                    f"{found} holds no {_MATLAB}: the archives at {_ORIGIN} hold whole photographs"
                    f" (format 1); fetch {_MATLAB} from there (format 2)"
                )
            with _files(directory, allow_partial) as files:
                yield files


def _read_pickle(file: str) -> tuple[np.ndarray, np.ndarray]:
    value = safe_pickle.load(file)
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise UserError(f"{file} does not hold a pair (images, labels)")
    try:
        images, classes = map(safe_pickle.as_array, value)
    except ValueError as error:
        raise UserError(f"{file} holds {error}") from None
    return _checked(images, classes, file)


def _read_matlab(file: str) -> tuple[np.ndarray, np.ndarray]:
    return _checked(*read_house_numbers(file, _ORIGIN), file)


def _checked(images: np.ndarray, classes: np.ndarray, file: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns images, uint8 [N, 3, 32, 32], and classes, int64 [N]. Raises: UserError."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (3, 32, 32):
        raise UserError(
            f"{file} holds {images.dtype} {list(images.shape)} instead of uint8 [N, 3, 32, 32]"
        )
    return images, sources.check_classes(classes, len(images), 10, file)
