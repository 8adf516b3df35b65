"""Inception score (Salimans et al. 2016): class probabilities -> score."""

import numpy as np
import scipy.special

from metrics.collector import Arrays
from metrics.features import Features
from metrics.metric import Metric, register
from metrics.tools import Tools

NUM_SPLITS = 10


def class_probabilities(logits: np.ndarray) -> np.ndarray:
    """Returns the softmax of logits [N, K], in float64."""
    return scipy.special.softmax(np.asarray(logits, np.float64), axis=1)


def inception_score(probabilities: np.ndarray, num_splits: int = NUM_SPLITS) -> tuple[float, float]:
    """Returns the mean and (population) standard deviation of the score over consecutive splits.

    The score of a split is exp(E_x KL(p(y|x) || p(y))); p(y) is the mean of p(y|x) over the split.

    Args:
      probabilities: p(y|x), [N, K]; N >= num_splits.
    Raises: ValueError when N < num_splits.
    """
    if len(probabilities) < num_splits:
        raise ValueError(f"{len(probabilities)} images can't be split into {num_splits}")
    probabilities = np.asarray(probabilities, np.float64)
    n = len(probabilities)
    scores = []
    for i in range(num_splits):
        part = probabilities[i * n // num_splits : (i + 1) * n // num_splits]
        divergence = scipy.special.rel_entr(part, part.mean(axis=0)).sum(axis=1)
        scores.append(np.exp(divergence.mean()))
    return float(np.mean(scores)), float(np.std(scores))


def compute(reals: None, fakes: Arrays, tools: Tools) -> dict[str, float]:
    """Returns the mean and standard deviation of the score over ten splits."""
    logits = tools.network(Features.network).logits(fakes["features"])
    mean, deviation = inception_score(class_probabilities(logits))
    return {"IS_mean": mean, "IS_std": deviation}


METRIC = register(
    Metric(
        name="is",
        collector=Features,
        num_images=50000,
        min_images=NUM_SPLITS,
        needs_reals=False,
        columns=lambda resolution: ["IS_mean", "IS_std"],
        headline="IS_mean",
        compute=compute,
        higher_is_better=("IS_mean", "IS_std"),
        summary="Inception score",
    )
)
