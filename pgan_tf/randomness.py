"""Random numbers as a function of (seed, what for, images shown) alone.

Everything random in a run is drawn from streams of its own, told apart by a role, so that a run
can be stopped and continued anywhere, and that nothing depends on what else was drawn.
"""

from enum import IntEnum

import numpy as np


class Role(IntEnum):
    """What a stream of random numbers is for."""

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
    CENTRE = 203


def random_state(seed: int, role: int, counter: int = 0) -> np.random.RandomState:
    """Returns a generator that is a function of three non-negative integers.

    NumPy promises that `RandomState`'s methods give the same numbers in every version; Philox
    makes independent streams for different keys at no cost.
    """
    key = ((seed & 0xFFFFFFFF) << 32 | int(role)) | (counter << 64)
    return np.random.RandomState(np.random.Philox(key=key))
