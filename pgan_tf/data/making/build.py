"""From a source of images to a data set, in parallel and in order."""

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

_CHUNK_BYTES = 4 << 20  # full-resolution pixels that make one piece of work


class Source(Protocol):
    """Where images come from.

    It is sent to other processes once, and what identifies the images with each piece of work;
    so both must pickle and be small.

    resolution, num_channels: of what it gives.
    """

    resolution: int
    num_channels: int

    def read(self, items: Sequence[Any]) -> np.ndarray:
        """Returns images by whatever identifies them: uint8 [n, C, R, R]. Raises UserError."""


def shuffled(num_images: int, shuffle: bool = True) -> np.ndarray:
    """Returns the order of the records: the official tool's shuffle (section 4.3), or none."""
    order = np.arange(num_images)
    if shuffle:
        np.random.RandomState(123).shuffle(order)
    return order


def num_workers(asked: int | None, *sources: str | os.PathLike) -> int:
    """Returns the number of processes to use.

    Args:
      asked: by the user; None: as many as this process may use processors, but 1 if only it has
        the sources.
      sources: paths that the processes read.
    """
    if asked is not None:
        return asked
    if any(map(storage.is_private, sources)):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int
) -> Iterator[Any]:
    """Yields function(item) of all items in their order, computed by `workers` processes.

    With one worker everything happens in this process. A few results a worker are computed
    ahead, no more, so memory stays bounded however many items there are. The function is sent
    to each process once. An exception in a worker is raised here, in its item's place; the
    workers are gone when the iteration ends, at once where it ends early: whatever they write must
    appear under its name when it is whole.
    """
    if workers <= 1:
        with _memory_told():
            yield from map(function, items)
        return
    # Not forked: threads of this process (TensorFlow's, say) would leave locks held for ever.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_install, initargs=(function,))
    pending: collections.deque[Future] = collections.deque()
    finished = False
    try:
        with _memory_told():
            for item in items:
                with _interrupts_held():
                    pending.append(pool.submit(_call, item))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finished = True
    except BrokenProcessPool:
        raise UserError(
            "the system ended a worker process, most likely for lack of memory; try fewer --workers"
            ' (a script of your own has to do this below `if __name__ == "__main__":`)'
        ) from None
    finally:
        with _interrupts_held():  # a second Ctrl-C would leave workers waiting for ever
            if not finished:
                for process in list((pool._processes or {}).values()):
                    process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _memory_told() -> Iterator[None]:
    """Turns a lack of memory, in this process or a worker, into UserError."""
    try:
        yield
    except MemoryError:
        raise UserError(
            "the memory of this machine is used up; try fewer --workers, or smaller images"
        ) from None


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Puts Ctrl-C off until the block ends, and keeps it from processes started in the block.

    Ctrl-C reaches all processes of a terminal; the one that started the others answers it, but not
    while it is handing a new process its work.
    """
    if threading.current_thread() is not threading.main_thread():  # others get no Ctrl-C
        yield
        return
    came = []
    handler = signal.signal(signal.SIGINT, lambda *_: came.append(True))
    if hasattr(signal, "pthread_sigmask"):  # the mask is inherited, the handler isn't
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


_installed: Callable[[Any], Any] | None = None  # in a worker: the function of its ordered_map


def _install(function: Callable[[Any], Any]) -> None:
    global _installed
    _installed = function
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_with_parent() -> None:
    """Ends this worker when the process that started it is gone, killed perhaps."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _call(item: Any) -> Any:
    return _installed(item)


@dataclasses.dataclass(frozen=True)
class _Encode:
    """Reads images of a source and makes their records, in whatever process it is called.

    Puts them into their places and returns their number, or returns them if there are no places.
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
      source: where the images come from. With several workers, other processes read it.
      order: what `source.read` gets of each image (its index, say), in the order of the records.
      labels: float32 [len(order), label size], in the order of the records, or None.
      files: further files for the data set's directory, {name: content}.
      workers: processes that read and encode; None: one a processor. The result is the same.
      force, shards, compress: see `DatasetWriter`.
    Raises: UserError, and then nothing is left.
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
