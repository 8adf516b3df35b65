"""Makes images with a snapshot's Gs for the server, batch by batch in a separate thread."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from pgan_tf import compiled, latents
from pgan_tf.explore.asking import ImageRequest, Limits, RefusedError
from pgan_tf.inference import Synthesis
from pgan_tf.pages.explorer.facts import lods_of
from pgan_tf.snapshots import Snapshot

_MOST_IMAGES, _MOST_PIXELS = 64, 1 << 22  # in a request

# A single image takes as long as a whole batch, so batches are small. Four small images hardly
# take longer than one, and sixty in batches of four not much longer than in larger batches.
_BATCH, _BATCH_PIXELS = 4, 1 << 14


class Painter:
    """Makes the images of requests, one request at a time, in order of arrival.

    Each lod is compiled when it is first requested.

    Args:
      snapshot: the snapshot whose Gs makes the images, as in `generate`.

    Attributes:
      limits: what a request may contain.
    """

    def __init__(self, snapshot: Snapshot):
        self._Gs = Gs = snapshot.Gs
        lods = tuple(lods_of(Gs))
        pixels = (Gs.resolution >> int(lods[0])) ** 2
        most = int(np.clip(_MOST_PIXELS // pixels, 1, _MOST_IMAGES))
        self.limits = Limits(Gs.latent_size, Gs.label_size, lods, most)
        self._programs: dict[float, Synthesis] = {}
        self._turn = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="generator")

    async def paint(
        self, wanted: ImageRequest, is_cancelled: Callable[[], Awaitable[bool]]
    ) -> np.ndarray | None:
        """Returns images, uint8 [n, r, r, C], or None if the request is cancelled.

        Args:
          wanted: the request, already checked against the limits.
          is_cancelled: called before each batch; True if the client has gone away.
        Raises: RefusedError (503) if the device has too little memory, or a compiled program
          can't be kept or used.
        """
        loop = asyncio.get_running_loop()
        async with self._turn:
            if wanted.lod not in self._programs:
                pixels = (self._Gs.resolution >> int(wanted.lod)) ** 2
                most = int(np.clip(_BATCH_PIXELS // pixels, 1, _BATCH))
                self._programs[wanted.lod] = Synthesis(self._Gs, wanted.lod, most)
            program, parts = self._programs[wanted.lod], []
            for first in range(0, len(wanted.latents), program.minibatch):
                if await is_cancelled():
                    return None
                z = wanted.latents[first : first + program.minibatch]
                parts.append(
                    await loop.run_in_executor(self._thread, self._batch, program, z, wanted.label)
                )
        return np.concatenate(parts)

    def _batch(self, program: Synthesis, z: np.ndarray, label: int | None) -> np.ndarray:
        labels = None if label is None else latents.one_hot([label] * len(z), self._Gs.label_size)
        try:
            return program(z, labels)
        except tf.errors.OpError as error:
            if about := compiled.trouble(error):
                raise RefusedError(503, about) from None
            if not isinstance(error, tf.errors.ResourceExhaustedError):
                raise
            r, n = program.resolution, program.minibatch
            raise RefusedError(
                503, f"the device has too little memory for {n} images of {r}x{r} at a time"
            ) from None

    def close(self) -> None:
        """Ends the thread after its current batch, without waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)
