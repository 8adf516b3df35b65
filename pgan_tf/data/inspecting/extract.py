"""extract: writes a data set as image files."""

import contextlib
import dataclasses
import functools
import io
import json
import os

import numpy as np
from PIL import Image

from pgan_tf import files, progress
from pgan_tf.data import storage
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.labels import MANY_CLASSES, default_names
from pgan_tf.data.making import build
from pgan_tf.errors import UserError
from pgan_tf.files import PARTIAL_SUFFIX

LABELS_FILE = "dataset.json"
_IMAGES_AT_ONCE = 16


@functools.lru_cache(maxsize=1)
def _dataset(path: str) -> Dataset:
    return Dataset(path)


@dataclasses.dataclass(frozen=True)
class _WriteImages:
    """Callable for worker processes: writes images by their indices, returns their number."""

    path: str
    out: str
    file_format: str
    resolution: int

    def __call__(self, indices: np.ndarray) -> int:
        images = _dataset(self.path).read(self.resolution, indices)
        for index, image in zip(indices.tolist(), images, strict=True):
            name = file_name(index, self.file_format)
            # Mode "x" does not follow a link that somebody has put there in the meantime.
            path = os.path.join(self.out, name)
            with files.named_errors(path), open(path, "xb") as file:
                file.write(encode(image, self.file_format))
        return len(indices)


def file_name(index: int, file_format: str) -> str:
    """Returns the name of an image's file."""
    return f"img{index:08d}.{file_format}"


def encode(image: np.ndarray, file_format: str) -> bytes:
    """Returns a uint8 image [H, W, C] as a lossless PNG or WebP file."""
    out = io.BytesIO()
    options = {"compress_level": 3} if file_format == "png" else {"lossless": True, "exact": True}
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(pixels).save(out, file_format, **options)
    return out.getvalue()


def extract(
    path: str | os.PathLike,
    out: str | os.PathLike,
    *,
    file_format: str = "png",
    resolution: int | None = None,
    workers: int | None = None,
) -> int:
    """Writes each image as a file img00000000.png, ... and the labels as dataset.json.

    `create_from_images --labels dataset.json` reads both, including the names of the classes.
    Only new files in `out` are written.

    Args:
      path: the data set's directory.
      out: a new or empty directory.
      file_format: "png" or "webp"; both lossless.
      resolution: resolution of the level to write; None: the full one.
      workers: number of processes; None: one per processor.
    Returns: the number of images.
    Raises: UserError when the data set can't be read, or `out` is remote or not empty.
    """
    dataset = Dataset(path)
    resolution = dataset.resolution if resolution is None else resolution
    dataset.require(resolution)
    out = os.fspath(out)
    if storage.is_remote(out):
        raise UserError(f"{out}: images can only be extracted into a local directory")
    if os.path.lexists(out) and (not os.path.isdir(out) or os.listdir(out)):
        raise UserError(f"{out} exists and is not an empty directory; choose another target")
    parent, name = storage.split(os.path.realpath(out))  # a link is kept, its target replaced
    partial = os.path.join(parent, f".{name}.{os.getpid()}{PARTIAL_SUFFIX}")
    os.makedirs(partial)
    try:
        _extract(dataset, partial, file_format, resolution, workers)
        storage.rename_dir(partial, os.path.join(parent, name))
    except BaseException:
        storage.remove_tree(partial)
        raise
    return dataset.num_images


def _extract(
    dataset: Dataset, out: str, file_format: str, resolution: int, workers: int | None
) -> None:
    """Writes the images and labels into an empty directory."""
    indices = np.arange(dataset.num_images)
    pieces = [indices[i : i + _IMAGES_AT_ONCE] for i in range(0, len(indices), _IMAGES_AT_ONCE)]
    workers = min(build.num_workers(workers, dataset.path), len(pieces))
    write = _WriteImages(dataset.path, out, file_format, resolution)
    with progress.bar("images") as bar:
        task = bar.add_task("Extracting", total=len(indices))
        with contextlib.closing(build.ordered_map(write, pieces, workers)) as counts:
            for count in counts:
                bar.advance(task, count)
    if dataset.labels is not None:
        values, classes = dataset.labels.tolist(), dataset.class_names
        is_unnamed = classes == default_names(dataset.label_size)
        if dataset.class_counts is not None:
            values = dataset.labels.argmax(1).tolist()
            most = max(len(values), MANY_CLASSES)
            is_known = max(values) + 1 == dataset.label_size <= most
            classes = None if is_unnamed and is_known else classes
        elif is_unnamed:
            classes = None
        names = [file_name(index, file_format) for index in indices]
        content: dict[str, list] = {"labels": list(zip(names, values, strict=True))}
        if classes:
            content["classes"] = classes
        path = os.path.join(out, LABELS_FILE)
        with files.named_errors(path), open(path, "x", encoding="utf-8") as file:
            json.dump(content, file)
