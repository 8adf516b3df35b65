"""Measures the input pipeline: images per second at each level.

Unless a data set is given, makes one of random pixels in a temporary directory. Then runs the input
pipeline of the training loop, which works in the background ahead of the step: it reads records in
shuffled order, checks them, converts them to NHWC, and draws latents and mixing factors.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

if not __package__:  # python benchmarks/input.py
    sys.path.insert(0, str(Path(__file__).parents[1]))

from pgan_tf import cli, devices
from pgan_tf.config import resolve
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.data.order import prefetch
from pgan_tf.schedule import Phase

EXAMPLES = """\
  python -m benchmarks.input
  python -m benchmarks.input --data-dir datasets/celebahq --minibatch 64
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a row for each level."""
    p = cli.Parser(prog="python -m benchmarks.input", description=__doc__, examples=EXAMPLES)
    p.add_argument("--data-dir", help="data set to read (default: one of random pixels)")
    p.add_argument("--resolution", type=int, default=1024, help="of the random images")
    p.add_argument("--images", type=int, default=512, help="number of random images")
    p.add_argument("--minibatch", type=int, default=16, help="images per iteration")
    p.add_argument("--seconds", type=float, default=3, help="duration of each level's measurement")
    args = p.parse_args(argv)
    devices.load_tensorflow()
    if args.data_dir:
        measure(Dataset(args.data_dir), args.minibatch, args.seconds)
        return
    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/random"
        r = args.resolution
        with DatasetWriter(path, r, 3) as writer:
            for seed in range(0, args.images, 16):
                rs = np.random.RandomState(seed)
                writer.add(rs.randint(0, 256, [16, 3, r, r], np.uint8))
        measure(Dataset(path), args.minibatch, args.seconds)


def measure(dataset: Dataset, minibatch: int, seconds: float) -> None:
    """Prints the images and megabytes per second of each level."""
    from pgan_tf.training.feed import Feed, Iteration

    config = resolve({"data.mirror": True})
    print("resolution  images/s      MB/s")
    for resolution in dataset.levels:
        feed = Feed(dataset, config, latent_size=512)
        phase = Phase(0, 0.0, resolution, minibatch, 1e-3, 1e-3, 1.0)
        plan = (Iteration(i * minibatch, phase) for i in itertools.count())
        stream = prefetch(plan, feed.batches)
        next(stream)
        start, count = time.perf_counter(), 0
        while (spent := time.perf_counter() - start) < seconds:
            next(stream)
            count += minibatch
        stream.close()
        rate = count / spent
        print(f"{resolution:10d}  {rate:8.0f}  {rate * resolution**2 * 3 / 1e6:8.0f}", flush=True)


if __name__ == "__main__":
    cli.run(main)
