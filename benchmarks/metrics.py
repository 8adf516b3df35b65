"""Measures the metrics, and plain NumPy and SciPy versions of them in the same run.

    python -m benchmarks.metrics

The plain versions are in `tests/metrics_reference.py`. They use one thread, except in NumPy's
matrix product. They run in another process, without this program's settings, while this one waits.
Inception weights are random, which does not change the time.
"""

import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

if not __package__:  # python benchmarks/metrics.py
    sys.path.insert(0, str(Path(__file__).parents[1]))

from pgan_tf import cli, devices

EXAMPLES = """\
  python -m benchmarks.metrics
  python -m benchmarks.metrics --skip-reference --repeats 5
"""


def parser() -> cli.Parser:
    """Returns the parser of the command line."""
    p = cli.Parser(
        prog="python -m benchmarks.metrics", description=__doc__.splitlines()[0], examples=EXAMPLES
    )
    p.add_argument("--repeats", type=int, default=3, help="number of runs; the best one counts")
    p.add_argument("--skip-reference", action="store_true", help="measure only this program")
    return p


def best(function: Callable[[], object], repeats: int) -> float:
    """Returns the seconds of the fastest of `repeats` calls, after one call to warm up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def line(what: str, ours: float, reference: float | None, unit: str, per_second: bool) -> None:
    """Prints a row of the table; its factor says how much faster this program is."""
    text = f"{what:<44}{ours:>9.2f} {unit:<10}"
    if reference:
        factor = ours / reference if per_second else reference / ours
        text += f"{reference:>9.2f} {unit:<10}{factor:>7.1f}x"
    print(text, flush=True)


Plain = Callable[..., float | list[float] | None]
"""Runs one of `metrics_plain.plain_...` in its own process; returns None if that is turned off."""


def measure_swd(repeats: int, plain: Plain) -> None:
    """Measures SWD between two sets of 1,024 images of 64x64."""
    from benchmarks.metrics_plain import image_sets, plain_swd
    from metrics import swd

    sets = image_sets()

    def descriptors():
        finished = []
        for i, x in enumerate(sets):
            descriptor_set = swd.DescriptorSet(len(x), 64, 3, i)
            for start in range(0, len(x), 256):
                descriptor_set.add(x[start : start + 256])
            finished.append(descriptor_set.finish())
        return finished

    a, b = descriptors()
    ours = [best(descriptors, repeats), best(lambda: swd.distances(a, b, 0), repeats)]
    theirs = plain(plain_swd) or [None, None]
    line("SWD, 2 x 1024 images 64x64: descriptors", ours[0], theirs[0], "s", False)
    line("SWD, 2 x 1024 images 64x64: distances", ours[1], theirs[1], "s", False)
    total = sum(theirs) if theirs[0] else None
    line("SWD, 2 x 1024 images 64x64: all", sum(ours), total, "s", False)


def measure_ms_ssim(repeats: int, plain: Plain) -> None:
    """Measures MS-SSIM in pairs per second at several resolutions."""
    from benchmarks.metrics_plain import image_pairs, plain_ms_ssim
    from metrics import ms_ssim

    for resolution, count in ((64, 1024), (128, 256), (256, 64), (1024, 4)):
        x, y = image_pairs(resolution, count)
        ours = count / best(lambda x=x, y=y: ms_ssim.ms_ssim(x, y), repeats)
        theirs = plain(plain_ms_ssim, resolution, max(count // 16, 2))
        line(f"MS-SSIM, {resolution}x{resolution}", ours, theirs, "pairs/s", True)


def measure_frechet(plain: Plain) -> None:
    """Measures the Frechet distance of 2,048 features, for more and for fewer images than that."""
    from benchmarks.metrics_plain import feature_sets, plain_frechet
    from metrics import fid

    for n in (5000, 1000):
        x, y = feature_sets(n)
        ours = best(lambda x=x, y=y: fid.frechet_distance(fid.statistics(x), fid.statistics(y)), 1)
        line(
            f"Frechet distance, 2 x {n} x 2048 features", ours, plain(plain_frechet, n), "s", False
        )


def measure_inception(repeats: int) -> None:
    """Measures the Inception features of 64x64 images."""
    import numpy as np

    from benchmarks.metrics_plain import images
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
    """Measures all metrics."""
    args = parser().parse_args(argv)
    # The plain versions' process starts before this one sets up TensorFlow and NumPy.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(time.sleep, (0,))
        devices.load_tensorflow(repeatable=True)
        import numpy as np

        def plain(function, *arguments):
            return None if args.skip_reference else pool.apply(function, arguments)

        a = np.random.default_rng(0).standard_normal((2048, 2048)).astype(np.float32)
        rate = 2 * 2048**3 / best(lambda: a @ a, args.repeats) / 1e9
        print(f"2048x2048 float32 matrix product: {rate:.0f} GFLOP/s")
        print(f"{'':<44}{'here':>9} {'':<10}{'plain':>9} {'':<10}{'faster':>8}")
        measure_swd(args.repeats, plain)
        measure_ms_ssim(args.repeats, plain)
        measure_frechet(plain)
        measure_inception(args.repeats)


if __name__ == "__main__":
    cli.run(main)
