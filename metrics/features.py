"""Inception's features of images, and the normal distribution fitted to them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from metrics.collector import Arrays, Collector, Images, Size
from metrics.tools import Tools

MIN_IMAGES = 2


class Gaussian(NamedTuple):
    """The normal distribution fitted to features: float64 mean [D], covariance [D, D]."""

    mean: np.ndarray
    covariance: np.ndarray


def statistics(features: np.ndarray) -> Gaussian:
    """Returns the mean and (unbiased) covariance of features [N, D], N >= 2, in float64."""
    features = np.asarray(features)
    if len(features) < MIN_IMAGES:
        raise ValueError(f"{len(features)} images have no covariance; at least 2 are needed")
    mean = features.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(features), 4096):
        centered = features[start : start + 4096] - mean
        covariance += centered.T @ centered
    return Gaussian(mean, covariance / (len(features) - 1))


class Features(Collector):
    """Computes the Inception features of the images, and their statistics.

    Arrays: "features", pool_3 of each image, float32 [N, 2048]; their "mean" and "covariance".
    Images may have any size, since each is resized to 299x299.
    """

    name = "features"
    network = "inception"

    def __init__(self, count: int, shape: Size | None, tools: Tools, random_stream: int):
        self._network = tools.network(self.network)
        self._features = np.empty((count, self._network.num_features), np.float32)
        self._count = 0

    def add(self, images: Images) -> None:
        block = slice(self._count, self._count + len(images))
        self._features[block] = self._network.features(images)
        self._count = block.stop

    def finish(self) -> Arrays:
        return self._arrays(self._features)

    @staticmethod
    def _arrays(features: np.ndarray) -> Arrays:
        return {"features": features, **statistics(features)._asdict()}

    @classmethod
    def weights(cls, tools: Tools) -> dict[str, str]:
        return {"inception_sha256": tools.network(cls.network).weights_hash}

    @classmethod
    def subset(cls, arrays: Arrays, positions: np.ndarray) -> Arrays | None:
        if positions.max() >= len(arrays["features"]):
            return None
        return cls._arrays(arrays["features"][positions])
