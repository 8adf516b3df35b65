"""Writes the images of any source as a data set, in parallel and in order."""

import collections
import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol

import numpy as np

from pgan_tf import progress
from pgan_tf.data import storage
from pgan_tf.data.format import writer
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.data.labels import CLASSES_FILE, classes_text, one_hot  # noqa: F401 (openmoji's)
from pgan_tf.errors import UserError

_CHUNK_BYTES = 4 << 20  # full-resolution pixels in one piece of work


class Source(Protocol):
    """Reads images for a data set.

    The source is pickled and sent to each worker process once. The items that identify its images
    are sent with each piece of work. Both must be small.

    resolution, num_channels: side and number of channels of the images that `read` returns.
    """

    resolution: int
    num_channels: int

    def read(self, items: Sequence[Any]) -> np.ndarray:
        """Returns the images that the items identify: uint8 [n, C, R, R]. Raises: UserError."""


def shuffled(num_images: int, shuffle: bool = True) -> np.ndarray:
    """Returns image indices in the order of the records: int64 [num_images].

    Args:
      num_images: number of images.
      shuffle: True for the official tool's shuffle (section 4.3), False for 0, 1, 2, ...
    """
    order = np.arange(num_images)
    if shuffle:
        np.random.RandomState(123).shuffle(order)
    return order


def num_workers(requested: int | None, *sources: str | os.PathLike) -> int:
    """Returns the number of processes to use.

    Args:
      requested: the user's number. None means one per processor that this process may use, or 1
        if a source is visible to this process only.
      sources: paths that the processes read.
    """
    if requested is not None:
        return requested
    if any(map(storage.is_private, sources)):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int
) -> Iterator[Any]:
    """Yields function(item) for each item in order, computed by `workers` processes.

    With one worker everything runs in this process. Each worker computes only a few results
    ahead, so memory stays bounded for any number of items. The function is sent to each process
    once. An exception in a worker is raised here, in its item's place. The workers are gone when
    the iteration ends; if it ends early they are killed at once, so files that they write must get
    their names only when complete.
    """
    if workers <= 1:
        with _memory_errors_translated():
            yield from map(function, items)
        return
    # A forked process would inherit locks that this process's threads (TensorFlow's, say) hold.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_install, initargs=(function,))
    pending: collections.deque[Future] = collections.deque()
    finished = False
    try:
        with _memory_errors_translated():
            for item in items:
                with _interrupts_deferred():
                    pending.append(pool.submit(_call, item))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finished = True
    except BrokenProcessPool:
        raise UserError(
            "the system ended a worker process, most likely for lack of memory; try fewer --workers"
            ' (in a script of your own, call this below `if __name__ == "__main__":`)'
        ) from None
    finally:
        with _interrupts_deferred():  # a second Ctrl-C would leave workers waiting for ever
            if not finished:
                for process in list((pool._processes or {}).values()):
                    process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _memory_errors_translated() -> Iterator[None]:
    """Turns a MemoryError of this process or a worker into a UserError."""
    try:
        yield
    except MemoryError:
        raise UserError(
            "this machine is out of memory; try fewer --workers or smaller images"
        ) from None


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Defers Ctrl-C until the block ends, and blocks it in processes started in the block.

    Ctrl-C reaches all processes of a terminal. Only the parent process handles it, and not while
    it hands work to a new worker.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one gets Ctrl-C
        yield
        return
    received = []
    handler = signal.signal(signal.SIGINT, lambda *_: received.append(True))
    if hasattr(signal, "pthread_sigmask"):  # workers inherit the mask, but not the handler
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)


_installed: Callable[[Any], Any] | None = None  # in a worker: the function of its `ordered_map`


def _install(function: Callable[[Any], Any]) -> None:
    global _installed
    _installed = function
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_with_parent() -> None:
    """Ends this worker when its parent process has ended, even if it was killed."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _call(item: Any) -> Any:
    return _installed(item)


@dataclasses.dataclass(frozen=True)
class _Encode:
    """Reads images of a source and encodes them as records; can run in any process.

    With `places` it writes the records to the data set's files and returns their number; without,
    it returns the records of each level.
    """

    source: Source
    compress: str | None
    places: writer.Places | None

    def __call__(self, work: tuple[int, Sequence[Any]]) -> list[writer.Records] | int:
        start, items = work
        levels = writer.encode(self.source.read(items), self.compress)
        return levels if self.places is None else self.places.write(start, levels)


def build(
    path: str | os.PathLike,
    source: Source,
    *,
    order: Sequence[Any] | np.ndarray,
    labels: np.ndarray | None = None,
    files: dict[str, bytes] | None = None,
    workers: int | None = None,
    force: bool = False,
    shards: int = 1,
    compress: str | None = None,
) -> int:
    """Writes a data set of a source's images, with a progress bar; returns their number.

    Args:
      path: the data set's directory.
      source: reads the images; with several workers, in other processes.
      order: the item that identifies each image to `source.read` (its index, say), in the order of
        the records.
      labels: float32 [len(order), label size], in the order of the records, or None.
      files: more files to put into the data set's directory, {name: content}.
      workers: number of processes that read and encode, None for one per processor. It does not
        change the result.
      force, shards, compress: see `DatasetWriter`.
    Raises: UserError, and then leaves no files.
    """
    step = max(1, _CHUNK_BYTES // (source.num_channels * source.resolution**2))
    pieces = ((i, order[i : i + step]) for i in range(0, len(order), step))
    workers = min(num_workers(workers), -(-len(order) // step))
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(
            DatasetWriter(
                path,
                source.resolution,
                source.num_channels,
                num_images=len(order),
                force=force,
                shards=shards,
                compress=compress,
            )
        )
        bar = stack.enter_context(progress.bar("images"))
        task = bar.add_task(f"Writing {target.name}", total=len(order))
        places = target.places() if workers > 1 else None
        encoded = ordered_map(_Encode(source, compress, places), pieces, workers)
        stack.enter_context(contextlib.closing(encoded))
        for result in encoded:
            if places is None:
                target.add_encoded(result)
            else:
                target.add_placed(result)
            bar.update(task, completed=target.num_images)
        if labels is not None:
            target.set_labels(labels)
        for name, content in (files or {}).items():
            target.add_file(name, content)
    return len(order)
