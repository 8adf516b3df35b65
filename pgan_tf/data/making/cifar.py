"""create_cifar10 and create_cifar100: make data sets of photographs in 10 and 100 classes."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator

import numpy as np

from pgan_tf import safe_pickle
from pgan_tf.data import contents, storage
from pgan_tf.data.format import writer
from pgan_tf.data.labels import CLASSES_FILE, classes_text, one_hot
from pgan_tf.data.making import archives, build, sources
from pgan_tf.errors import UserError

NUM_IMAGES = 50_000
_ORIGIN = "the Python version at https://www.cs.toronto.edu/~kriz/cifar.html"


@dataclasses.dataclass(frozen=True)
class Version:
    """File names and keys of CIFAR-10 or CIFAR-100.

    archive: name of the download, without its suffix.
    folder: folder that the archive unpacks into.
    files: names of the pickles with images.
    labels: key of the class numbers in these pickles.
    label_size: number of classes.
    names_file: name of the pickle with the classes' names.
    names: key of the names in that pickle.
    """

    archive: str
    folder: str
    files: tuple[str, ...]
    labels: str
    label_size: int
    names_file: str
    names: str


CIFAR10 = Version(
    "cifar-10-python", "cifar-10-batches-py", tuple(f"data_batch_{i}" for i in range(1, 6)),
    "labels", 10, "batches.meta", "label_names",
)  # fmt: skip
CIFAR100 = Version(
    "cifar-100-python", "cifar-100-python", ("train",),
    "fine_labels", 100, "meta", "fine_label_names",
)  # fmt: skip


def create_cifar10(path: str | os.PathLike, cifar_dir: str | os.PathLike, **options) -> int:
    """Makes a data set of CIFAR-10: 50,000 training images, 32x32 RGB, labelled and shuffled.

    Args:
      path: the data set's directory.
      cifar_dir: directory with data_batch_1 to data_batch_5, with the folder cifar-10-batches-py
        that holds them, or with cifar-10-python.tar.gz; or one of these files.
      options: allow_partial, True to accept fewer images; force, shards, compress, see
        `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    return _create(path, os.fspath(cifar_dir), CIFAR10, **options)


def create_cifar100(path: str | os.PathLike, cifar_dir: str | os.PathLike, **options) -> int:
    """Makes a data set of CIFAR-100: 50,000 training images, 32x32 RGB, labelled and shuffled.

    Args:
      path: the data set's directory.
      cifar_dir: directory with the file train, with the folder cifar-100-python that holds it, or
        with cifar-100-python.tar.gz; or one of these files.
      options: allow_partial, True to accept fewer images; force, shards, compress, see
        `build.build`.
    Returns: the number of images.
    Raises: UserError.
    """
    return _create(path, os.fspath(cifar_dir), CIFAR100, **options)


def _create(
    path: str | os.PathLike,
    place: str,
    version: Version,
    *,
    allow_partial: bool = False,
    **options,
) -> int:
    writer.check_target(os.fspath(path), options.get("force", False))
    images, classes = [], []
    with _opened(place, version) as (directory, shown):
        files = version.files
        if allow_partial:
            files = _present(directory, version) or files
        for file in sources.find(directory, files, _ORIGIN):
            part, numbers = _read_batch(file, version)
            images.append(part)
            classes.append(numbers)
        names = _read_names(storage.join(directory, version.names_file), version)
    images = np.concatenate(images)
    sources.check_count(len(images), NUM_IMAGES, "images", shown, allow_partial)
    order = build.shuffled(len(images))
    return build.build(
        path,
        sources.ArraySource(images),
        order=order,
        labels=one_hot(np.concatenate(classes), version.label_size)[order],
        files={CLASSES_FILE: classes_text(names)} if names else {},
        workers=1,
        **options,
    )


def find(place: str, version: Version) -> str | None:
    """Returns the directory of the pickles or the path of the archive, or None without either."""
    if contents.is_tar(place):
        return place
    places = sources.directories(place, (version.folder,))
    for directory in reversed(places):  # the folder that the archive unpacks into comes first
        if _present(directory, version):
            return directory
    for suffix in (".tar.gz", ".tgz", ".tar"):
        archive = storage.join(places[0], version.archive + suffix)
        if storage.exists(archive):
            return archive
    return None


def _present(directory: str, version: Version) -> list[str]:
    """Returns the names of the pickles with images that a directory holds."""
    paths = {name: storage.join(directory, name) for name in version.files}
    return [n for n, path in paths.items() if storage.exists(path) and not storage.is_dir(path)]


def num_files(place: str, version: Version) -> int:
    """Returns the number of pickles at a place, judged by file names only."""
    found = find(place, version)
    if found is None:
        return 0
    if not storage.is_dir(found):
        return len(version.files) if version.archive in found else 0
    present = _present(found, version)
    # Many directories hold a file called `train`.
    has_names = storage.exists(storage.join(found, version.names_file))
    return len(present) if has_names or len(version.files) > 1 else 0


@contextlib.contextmanager
def _opened(place: str, version: Version) -> Iterator[tuple[str, str]]:
    """Yields the directory of the pickles, and a name for messages.

    Raises: UserError if there is no such directory or archive.
    """
    found = find(place, version)
    if found is None and storage.exists(place) and not storage.is_dir(place):
        kind = contents.kind_of(contents.head_of(place)) or "a file"
        raise UserError(
            f"{place} is {kind}, and its directory holds no CIFAR files; fetch {_ORIGIN}"
        )
    if found is None or storage.is_dir(found):
        directory = found or sources.directories(place, (version.folder,))[-1]
        yield directory, directory
        return
    if not contents.is_tar(found):
        kind = contents.kind_of(contents.head_of(found)) or "damaged"
        raise UserError(f"{found} is {kind}, not CIFAR's archive; fetch {_ORIGIN}")
    with archives.unpacked(found, (*version.files, version.names_file)) as directory:
        if not _present(directory, version):
            raise UserError(f"{found} holds no {version.files[0]}; fetch {_ORIGIN}")
        yield directory, found


def _read_batch(file: str, version: Version) -> tuple[np.ndarray, np.ndarray]:
    """Returns a pickle's images, uint8 [N, 3, 32, 32], and classes, int64 [N]."""
    batch = safe_pickle.load(file)
    try:
        batch = _with_text_keys(batch)
        data = safe_pickle.as_array(batch["data"])
        numbers = safe_pickle.as_array(batch[version.labels])
    except (AttributeError, LookupError, TypeError, ValueError):
        raise UserError(f"{file} lacks 'data' or {version.labels!r}; fetch {_ORIGIN}") from None
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3 * 32 * 32:
        raise UserError(f"{file} holds {data.dtype} {list(data.shape)} instead of uint8 [N, 3072]")
    classes = sources.check_classes(numbers, len(data), version.label_size, file)
    return data.reshape(-1, 3, 32, 32), classes


def _with_text_keys(values: dict) -> dict:
    """Returns the dict with text keys, which are bytes if Python 3 has rewritten the pickle."""
    return {key.decode() if isinstance(key, bytes) else key: v for key, v in values.items()}


def _read_names(file: str, version: Version) -> list[str] | None:
    """Returns the names of the classes; None if the file is missing or does not hold them."""
    if not storage.exists(file):
        return None
    try:
        names = _with_text_keys(safe_pickle.load(file))[version.names]
        names = [name.decode() if isinstance(name, bytes) else name for name in names]
    except (UserError, AttributeError, LookupError, TypeError, ValueError):
        return None
    is_good = len(names) == version.label_size and all(isinstance(name, str) for name in names)
    return names if is_good else None
