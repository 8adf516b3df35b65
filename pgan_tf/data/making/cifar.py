"""create_cifar10 and create_cifar100: small photographs of ten and of a hundred classes."""

import os

import numpy as np

from pgan_tf import safe_pickle
from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build, sources
from pgan_tf.errors import UserError

NUM_IMAGES = 50_000
_ORIGIN = "the Python version at https://www.cs.toronto.edu/~kriz/cifar.html"


def create_cifar10(path: str | os.PathLike, cifar_dir: str | os.PathLike, **options) -> int:
    """Makes a data set of CIFAR-10: 50,000 training images, 32x32 RGB, labels, shuffled.

    Args:
      path: the data set's directory.
      cifar_dir: holds data_batch_1 to data_batch_5, or the folder cifar-10-batches-py with them.
      options: allow_partial accepts fewer images; force, shards, compress: see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    names = [f"data_batch_{i}" for i in range(1, 6)]
    return _create(path, cifar_dir, "cifar-10-batches-py", names, "labels", 10, **options)


def create_cifar100(path: str | os.PathLike, cifar_dir: str | os.PathLike, **options) -> int:
    """Makes a data set of CIFAR-100: 50,000 training images, 32x32 RGB, labels, shuffled.

    Args:
      path: the data set's directory.
      cifar_dir: holds the file train, or the folder cifar-100-python with it.
      options: allow_partial accepts fewer images; force, shards, compress: see `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    return _create(path, cifar_dir, "cifar-100-python", ["train"], "fine_labels", 100, **options)


def _create(
    path: str | os.PathLike,
    cifar_dir: str | os.PathLike,
    folder: str,
    names: list[str],
    labels_key: str,
    label_size: int,
    *,
    allow_partial: bool = False,
    **options,
) -> int:
    writer.check_target(os.fspath(path), options.get("force", False))
    directory = os.fspath(cifar_dir)
    if storage.exists(storage.join(directory, folder)):  # as the archive unpacks
        directory = storage.join(directory, folder)
    if allow_partial:
        names = [name for name in names if storage.exists(storage.join(directory, name))] or names
    images, classes = [], []
    for file in sources.find(directory, names, _ORIGIN):
        batch = safe_pickle.load(file)
        try:
            # In a file that Python 3 read as bytes and wrote again, names are bytes.
            batch = {n.decode() if isinstance(n, bytes) else n: v for n, v in batch.items()}
            data = safe_pickle.as_array(batch["data"])
            labels = safe_pickle.as_array(batch[labels_key])
        except (AttributeError, LookupError, TypeError, ValueError):
            raise UserError(f"{file} has no 'data' and {labels_key!r}; take {_ORIGIN}") from None
        if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3 * 32 * 32:
            raise UserError(
                f"{file} holds {data.dtype} {list(data.shape)} instead of uint8 [N, 3072]"
            )
        images.append(data.reshape(-1, 3, 32, 32))
        classes.append(sources.check_classes(labels, len(data), label_size, file))
    images = np.concatenate(images)
    sources.check_count(len(images), NUM_IMAGES, "images", directory, allow_partial)
    order = build.shuffled(len(images))
    return build.build(
        path,
        sources.ArraySource(images),
        order=order,
        labels=build.one_hot(np.concatenate(classes), label_size)[order],
        workers=1,
        **options,
    )
