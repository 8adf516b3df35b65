"""Images of a snapshot's Gs for the server: batch by batch, in a thread of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from pgan_tf import compiled, latents
from pgan_tf.explore.asking import Asked, Limits, RefusedError
from pgan_tf.inference import Synthesis
from pgan_tf.pages.explorer.facts import lods_of
from pgan_tf.snapshots import Snapshot

_MOST_IMAGES, _MOST_PIXELS = 64, 1 << 22  # of a request

# An image alone takes the time of a whole batch. Four small ones hardly take longer than one, and
# sixty of them not much longer than in larger batches.
_BATCH, _BATCH_PIXELS = 4, 1 << 14


class Painter:
    """Makes what is asked for, one request at a time, in the order of arrival.

    Each lod is compiled when it is first asked for.

    Args:
      snapshot: its Gs makes the images, as in `generate`.

    Attributes:
      limits: of what can be asked for.
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
        self, asked: Asked, given_up: Callable[[], Awaitable[bool]]
    ) -> np.ndarray | None:
        """Returns uint8 [n, r, r, C], or None for a request that is given up.

        Args:
          asked: checked against the limits.
          given_up: is asked before each batch whether nobody waits any longer.
        Raises: RefusedError (503) when the device has too little memory, or a compiled program
          can't be kept.
        """
        loop = asyncio.get_running_loop()
        async with self._turn:
            if asked.lod not in self._programs:
                pixels = (self._Gs.resolution >> int(asked.lod)) ** 2
                most = int(np.clip(_BATCH_PIXELS // pixels, 1, _BATCH))
                self._programs[asked.lod] = Synthesis(self._Gs, asked.lod, most)
            program, parts = self._programs[asked.lod], []
            for first in range(0, len(asked.latents), program.minibatch):
                if await given_up():
                    return None
                z = asked.latents[first : first + program.minibatch]
                parts.append(
                    await loop.run_in_executor(self._thread, self._batch, program, z, asked.label)
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
        """Ends the thread once its batch is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)
