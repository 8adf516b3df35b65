"""create_from_hdf5: makes data sets from the Theano version's HDF5 files."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.making import build, hdf5_reader
from pgan_tf.errors import UserError, one_line

_COPIED_BYTES = 16 << 20  # bytes of a remote file to copy at a time
_IMAGES_AT_ONCE = 64  # images to request at a time: so few that the requests fit into the pipe
_LONGEST_REPLY = 10_000  # bytes in a line
_ENVIRONMENT = {
    "HDF5_PLUGIN_PRELOAD": "::",  # load no filter plugins
    "OPENBLAS_NUM_THREADS": "1",  # each thread would take memory
}


class Images:
    """Reads images of the largest array data{r}x{r} in a local HDF5 file; a `build.Source`.

    `hdf5_reader` reads them in a separate process, which is ended with this object. If that process
    fails or crashes, an error is raised here. An unpickled copy starts a process of its own.

    Args:
      path: the file.
      name: the file's name for messages.

    Attributes:
      num_images, num_channels, resolution: shape of the array.
    Raises: UserError.
    """

    def __init__(self, path: str, name: str):
        self._path, self._name, self._lock = path, name, threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", hdf5_reader.__file__, path, str(hdf5_reader.MOST_MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_ENVIRONMENT},
            start_new_session=True,  # Ctrl-C is for this process
        )
        self.close = weakref.finalize(self, _end, self._process)
        self.num_images, self.num_channels, self.resolution = self._reply()["shape"]

    def __reduce__(self):
        return Images, (self._path, self._name)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Returns images by index: uint8 [n, C, R, R]. Raises: UserError."""
        out = np.empty((len(indices), self.num_channels, self.resolution**2), np.uint8)
        with self._lock:
            for start in range(0, len(out), _IMAGES_AT_ONCE):
                stop = start + _IMAGES_AT_ONCE
                self._read_into(out[start:stop], indices[start:stop])
        return out.reshape(len(indices), self.num_channels, self.resolution, self.resolution)

    def _read_into(self, images: np.ndarray, indices: np.ndarray) -> None:
        try:
            self._process.stdin.write(b"".join(b"%d\n" % index for index in indices.tolist()))
            self._process.stdin.flush()
        except OSError:  # the process has ended
            raise self._reader_error() from None
        for image in images:
            status = self._process.stdout.read(1)
            if status == b"\1":
                self._reply()
            if status != b"\0" or self._process.stdout.readinto(image) != image.nbytes:
                raise self._reader_error()

    def _reply(self) -> dict[str, Any]:
        """Returns the process's JSON reply. Raises: UserError if it is an error or missing."""
        line = self._process.stdout.readline(_LONGEST_REPLY)
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise self._reader_error()
        if "error" in reply:
            raise UserError(f"{self._name} {one_line(ValueError(reply['error']))}")
        return reply

    def _reader_error(self) -> UserError:
        """Returns the error for a process that ended too early."""
        self._process.kill()
        status = self._process.wait()
        why = f"ended with status {status}"
        if hasattr(signal, "SIGALRM") and status == -signal.SIGALRM:
            why = f"took longer than {hdf5_reader.MOST_SECONDS} s"
        return UserError(
            f"{self._name} is damaged or not an HDF5 file: the process that read it {why}"
        )


def _end(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            stream.close()


@contextlib.contextmanager
def _local(path: str) -> Iterator[str]:
    """Yields the path of a local file, or of a temporary local copy of a remote file."""
    if not storage.is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as directory:
        copy = os.path.join(directory, "copy.h5")
        writer.check_space(copy, storage.size(path))
        with storage.open_binary(path) as source, open(copy, "wb") as target:
            while block := source.read(_COPIED_BYTES):
                target.write(block)
        yield copy


def create(
    path: str | os.PathLike,
    hdf5_file: str | os.PathLike,
    *,
    shuffle: bool = True,
    workers: int | None = None,
    **options,
) -> int:
    """Makes a data set from an HDF5 file; returns the number of images.

    Args:
      path: the data set's directory.
      hdf5_file: file with arrays data{r}x{r}, uint8 [N, C, r, r], of which the largest is taken.
        Labels come from <hdf5_file without suffix>-labels.npy, if that file exists.
      shuffle: True for the official tool's shuffled order, False for the file's order.
      workers: number of processes, None for one per processor.
      options: force, shards, compress; see `build.build`.
    Raises: UserError.
    """
    writer.check_target(os.fspath(path), options.get("force", False))
    file = os.fspath(hdf5_file)
    if not storage.exists(file):
        raise UserError(f"{file} does not exist; name an HDF5 file with arrays data4x4, ...")
    if storage.is_dir(file):
        raise UserError(f"{file} is a directory; name an HDF5 file with arrays data4x4, ...")
    with _local(file) as local, contextlib.closing(Images(local, file)) as images:
        writer.check_size(images.resolution, images.num_channels)
        n = images.num_images
        labels = _read_labels(os.path.splitext(file)[0] + "-labels.npy", n)
        order = build.shuffled(n, shuffle)
        labels = None if labels is None else labels[order]
        workers = build.num_workers(workers)
        return build.build(path, images, order=order, labels=labels, workers=workers, **options)


def _read_labels(path: str, num_images: int) -> np.ndarray | None:
    """Returns the labels in a file, [num_images, label size]; None if it doesn't exist."""
    if not storage.exists(path):
        return None
    try:
        labels = storage.read_array(path)
    except ValueError as error:
        raise UserError(f"{path} is not an array of numbers ({error})") from None
    if labels.dtype.kind not in "fiub" or labels.ndim != 2 or not np.isfinite(labels).all():
        raise UserError(
            f"{path} holds {labels.dtype} {list(labels.shape)} instead of rows of finite numbers"
        )
    if len(labels) != num_images:
        raise UserError(f"{path} holds {len(labels)} labels instead of {num_images}")
    return labels
