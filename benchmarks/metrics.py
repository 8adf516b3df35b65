"""How fast the metrics are, beside plain NumPy and SciPy in the same run.

    python -m benchmarks.metrics

The plain versions are those of `benchmarks/metrics_reference.py`, one thread unless NumPy's
matrix product takes more. Inception weights are made up: they don't change the time.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks import metrics_reference
from pgan_tf import cli


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(prog="python -m benchmarks.metrics", description=__doc__.splitlines()[0])
    p.add_argument("--repeats", type=int, default=3, help="the best of so many counts")
    p.add_argument("--skip-reference", action="store_true", help="measure only this program")
    return p


def best(function: Callable[[], object], repeats: int) -> float:
    """Returns the seconds of the fastest of some calls, after one that doesn't count."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def once(function: Callable[[], object]) -> float:
    """Returns the seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def images(n: int, resolution: int, seed: int) -> np.ndarray:
    """Returns smooth colours with noise, uint8 [n, r, r, 3]."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, 50, (n, 8, 8, 3)).repeat(resolution // 8, 1).repeat(resolution // 8, 2)
    return np.clip(coarse + rng.normal(0, 12, coarse.shape), 0, 255).astype(np.uint8)


def line(what: str, ours: float, reference: float | None, unit: str, per_second: bool) -> None:
    """Prints a row; the factor is how much faster this program is."""
    text = f"{what:<44}{ours:>9.2f} {unit:<10}"
    if reference:
        factor = ours / reference if per_second else reference / ours
        text += f"{reference:>9.2f} {unit:<10}{factor:>7.1f}x"
    print(text, flush=True)


def measure_swd(repeats: int, with_reference: bool) -> None:
    """1,024 images of 64x64 in each set."""
    from metrics import swd

    sets = [images(1024, 64, seed) for seed in (0, 1)]

    def ours_descriptors():
        finished = []
        for i, x in enumerate(sets):
            descriptors = swd.DescriptorSet(len(x), 64, 3, i)
            for start in range(0, len(x), 256):
                descriptors.add(x[start : start + 256])
            finished.append(descriptors.finish())
        return finished

    def plain_descriptors():
        rng = np.random.default_rng(0)
        return [
            [metrics_reference.descriptors(level, rng) for level in levels]
            for levels in map(metrics_reference.laplacian_pyramid, sets)
        ]

    a, b = ours_descriptors()
    ours = [best(ours_descriptors, repeats), best(lambda: swd.distances(a, b, 0), repeats)]
    plain: list[float | None] = [None, None]
    if with_reference:
        rng = np.random.default_rng(1)
        plain[0] = once(plain_descriptors)
        pairs = list(zip(*plain_descriptors(), strict=True))
        plain[1] = once(lambda: [metrics_reference.sliced_wasserstein(x, y, rng) for x, y in pairs])
    line("SWD, 2 x 1024 images 64x64: descriptors", ours[0], plain[0], "s", False)
    line("SWD, 2 x 1024 images 64x64: distances", ours[1], plain[1], "s", False)
    total = sum(plain) if with_reference else None
    line("SWD, 2 x 1024 images 64x64: all", sum(ours), total, "s", False)


def measure_ms_ssim(repeats: int, with_reference: bool) -> None:
    """Pairs per second at several resolutions."""
    from metrics import ms_ssim

    for resolution, count in ((64, 1024), (128, 256), (256, 64), (1024, 4)):
        x, y = images(count, resolution, 0), images(count, resolution, 1)
        ours = count / best(lambda x=x, y=y: ms_ssim.ms_ssim(x, y), repeats)
        plain = None
        if with_reference:
            few = max(count // 16, 2)
            plain = few / once(lambda x=x, y=y, n=few: metrics_reference.ms_ssim(x[:n], y[:n]))
        line(f"MS-SSIM, {resolution}x{resolution}", ours, plain, "pairs/s", True)


def measure_frechet(with_reference: bool) -> None:
    """2,048 features, with more and with fewer images than that."""
    from metrics import fid

    for n in (5000, 1000):
        rng = np.random.default_rng(0)
        x, y = (np.maximum(rng.standard_normal((n, 2048)), 0).astype(np.float32) for _ in range(2))
        ours = best(lambda x=x, y=y: fid.frechet_distance(fid.statistics(x), fid.statistics(y)), 1)
        plain = None
        if with_reference:
            plain = once(lambda x=x, y=y: metrics_reference.frechet_distance(x, y))
        line(f"Frechet distance, 2 x {n} x 2048 features", ours, plain, "s", False)


def measure_inception(repeats: int) -> None:
    """Features of 64x64 images."""
    from metrics import inception

    rng = np.random.default_rng(0)
    parameters = {"fc.weight": rng.standard_normal((1008, 2048)), "fc.bias": np.zeros(1008)}
    for name, shape in inception.convolutions(inception.build()).items():
        parameters[f"{name}.conv.weight"] = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            parameters[f"{name}.bn.{part}"] = np.full(shape[0], float(value))
    network, x = inception.Inception(parameters), images(128, 64, 0)
    line("Inception features, 64x64", 128 / best(lambda: network.features(x), repeats), None,
         "images/s", True)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Measures everything."""
    args = parser().parse_args(argv)
    cli.load_tensorflow(repeatable=True)
    a = np.random.default_rng(0).standard_normal((2048, 2048)).astype(np.float32)
    rate = 2 * 2048**3 / best(lambda: a @ a, args.repeats) / 1e9
    print(f"2048x2048 float32 matrix product: {rate:.0f} GFLOP/s")
    print(f"{'':<44}{'here':>9} {'':<10}{'plain':>9} {'':<10}{'faster':>8}")
    with_reference = not args.skip_reference
    measure_swd(args.repeats, with_reference)
    measure_ms_ssim(args.repeats, with_reference)
    measure_frechet(with_reference)
    measure_inception(args.repeats)


if __name__ == "__main__":
    cli.run(main)
