"""What is computed of images as they come by, once for all metrics that need it.

A collector takes images in blocks, uint8 [n, H, W, 3], in order and as many in all as it was told
to expect, and gives arrays. Blocks may be of any size.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from metrics import fid, mnist_modes, ms_ssim, swd
from metrics.cache import Cache
from metrics.inception import Inception
from metrics.mnist_modes import DigitClassifier
from pgan_tf.errors import UserError

Arrays = dict[str, np.ndarray]


class Collector(Protocol):
    """See the module."""

    def add(self, images: np.ndarray) -> None: ...

    def finish(self) -> Arrays: ...


class Descriptors:
    """{"<resolution>": descriptors of that level of the pyramid}; see `metrics.swd`."""

    def __init__(self, count: int, shape: tuple[int, int], seed: Sequence[int], cache: Cache):
        _require_power_of_two(shape, swd.MIN_RESOLUTION)
        self._set = swd.DescriptorSet(count, shape[0], 3, seed, cache.allocate)
        self.add = self._set.add

    def finish(self) -> Arrays:
        return {str(resolution): array for resolution, array in self._set.finish().items()}


class Similarities:
    """{"similarities": of consecutive pairs}; see `metrics.ms_ssim`."""

    def __init__(self, count: int, shape: tuple[int, int]):
        _require_power_of_two(shape, ms_ssim.MIN_RESOLUTION)
        if count % 2:
            raise UserError(
                f"pairs are compared, and {count} images are an odd number; take {count - 1}"
            )
        self._pairs = ms_ssim.PairSimilarities()
        self.add = self._pairs.add

    def finish(self) -> Arrays:
        return {"similarities": self._pairs.finish()}


class Features:
    """{"features": pool_3}, and their "mean" and "covariance" where `gaussian` is set."""

    def __init__(self, count: int, network: Inception, gaussian: bool):
        self._network, self._gaussian = network, gaussian
        self._features = np.empty((count, network.num_features), np.float32)
        self._count = 0

    def add(self, images: np.ndarray) -> None:
        block = slice(self._count, self._count + len(images))
        self._features[block] = self._network.features(images)
        self._count = block.stop

    def finish(self) -> Arrays:
        arrays = {"features": self._features}
        if self._gaussian:
            arrays |= fid.statistics(self._features)._asdict()
        return arrays


class Codes:
    """{"codes": mode of each image}; see `metrics.mnist_modes`."""

    def __init__(
        self, count: int, shape: tuple[int, int], classifier: Callable[[], DigitClassifier]
    ):
        if shape != (mnist_modes.RESOLUTION, mnist_modes.RESOLUTION):
            raise UserError(
                f"32x32 images of three digits are needed; these are {shape[1]}x{shape[0]}"
            )
        if count % mnist_modes.NUM_GROUPS:
            raise UserError(f"{count} images don't make {mnist_modes.NUM_GROUPS} equal groups")
        self._classifier = classifier()  # may train one first
        self._codes: list[np.ndarray] = []

    def add(self, images: np.ndarray) -> None:
        self._codes.append(self._classifier.codes(images))

    def finish(self) -> Arrays:
        return {"codes": np.concatenate(self._codes)}


def _require_power_of_two(shape: tuple[int, int], least: int) -> None:
    height, width = shape
    if height != width or height < least or height & (height - 1):
        raise UserError(
            f"square images of a power of two from {least} on are needed; these are"
            f" {width}x{height}"
        )
