"""Metrics of generated images: SWD, MS-SSIM, FID, KID, Inception score, MNIST modes.

    values = metrics.measure("results/003-celeba", ["swd", "fid"])    # {"SWDx1e3_avg": ..., ...}

Each metric has one module. It holds the formula as pure functions, and registers the metric:

- `metrics.swd`: sliced Wasserstein distance of Laplacian pyramid patches
- `metrics.ms_ssim`: multi-scale structural similarity of pairs of images
- `metrics.fid`, `metrics.kid`, `metrics.inception_score`: computed from the features of
  `metrics.inception`
- `metrics.mnist_modes`: modes recovered out of 1000

`metrics.registry` lists all metrics by name. `python -m metrics.run` is the command line.
"""

__all__ = ["METRICS", "MetricError", "measure"]


def __getattr__(name: str):
    """Imports `measure` and the metrics on first use.

    They load TensorFlow. `python -m metrics.run` imports this package first, and must be able to
    configure TensorFlow, or answer --help quickly, before that.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from metrics import measuring, registry

    return getattr(registry if name == "METRICS" else measuring, name)
