"""Measures of generated images: SWD, MS-SSIM, FID, KID, Inception score, MNIST modes.

    values = metrics.measure("results/003-celeba", ["swd", "fid"])    # {"SWDx1e3_avg": ..., ...}

Each metric is a module that holds its formula, as pure functions, and its definition, which it
registers:

- `metrics.swd`: sliced Wasserstein distance of Laplacian pyramid patches
- `metrics.ms_ssim`: multi-scale structural similarity of pairs
- `metrics.fid`, `metrics.kid`, `metrics.inception_score`: of features of `metrics.inception`
- `metrics.mnist_modes`: modes recovered out of 1000

`metrics.registry` has them by name. `python -m metrics.run` is the command line.
"""

__all__ = ["METRICS", "MetricError", "measure"]


def __getattr__(name: str):
    """Imports `measure` and the metrics when they are first used.

    They load TensorFlow, and `python -m metrics.run` imports this package before it can set that
    up, or answer --help in a moment.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from metrics import measuring, registry

    return getattr(registry if name == "METRICS" else measuring, name)
