"""Measures of generated images: SWD, MS-SSIM, FID, KID, Inception score, MNIST modes.

Each metric is a module of pure functions, images or features in, numbers out:

- `metrics.swd`: sliced Wasserstein distance of Laplacian pyramid patches
- `metrics.ms_ssim`: multi-scale structural similarity of pairs
- `metrics.fid`, `metrics.kid`, `metrics.inception_score`: of features of `metrics.inception`
- `metrics.mnist_modes`: modes recovered out of 1000

`python -m metrics.run` measures snapshots and folders of images with them.
"""
