"""Random numbers as a function of seed, role and images shown alone.

Each use of random numbers has a role, and a stream of its own. So a run can be stopped and
continued anywhere, and no numbers depend on what else was drawn.
"""

from enum import IntEnum, unique

import numpy as np


@unique
class Role(IntEnum):
    """The use of a stream of random numbers."""

    IMAGE_ORDER = 1
    D_STEP = 2
    G_STEP = 3
    GRID = 4
    METRIC_LATENTS = 101
    METRIC_LABELS = 102
    METRIC_FLIPS = 103
    METRIC_HALVES = 104
    LATENT_WALK = 201
    DIRECTIONS = 202
    PROJECTION = 203
    CENTRE = 204


def random_state(seed: int, role: int, counter: int = 0) -> np.random.RandomState:
    """Returns a random number generator that depends on three non-negative integers alone.

    NumPy promises that the methods of `RandomState` give the same numbers in every version. Philox
    gives independent streams for different keys at no cost.

    Args:
      seed: the run's seed, 32 bits.
      role: see `Role`.
      counter: such as images shown.
    """
    key = ((seed & 0xFFFFFFFF) << 32 | int(role)) | (counter << 64)
    return np.random.RandomState(np.random.Philox(key=key))
