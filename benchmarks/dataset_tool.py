"""Measures making and reading data sets. `python -m benchmarks.dataset_tool --help`

On a two-core machine the official tool wrote CIFAR-10 at 2,450 images/s and 256x256 PNGs at
85 images/s. That machine decoded such PNGs at 310 images/s. The targets there are 20,000 and 300.
"""

import argparse
import gzip
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

if not __package__:  # python benchmarks/dataset_tool.py
    sys.path.insert(0, str(Path(__file__).parents[1]))

from pgan_tf import cli
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format.writer import DatasetWriter
from pgan_tf.data.making import build
from pgan_tf.errors import UserError

_TOOL = Path(__file__).parents[1] / "dataset_tool.py"


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the chosen measurements."""
    parser = cli.Parser(
        prog="python -m benchmarks.dataset_tool",
        description="Measures whole commands of dataset_tool.py, and the reader.",
        examples="  python -m benchmarks.dataset_tool\n"
        "  python -m benchmarks.dataset_tool memory --dir /large/disk",
    )
    kinds = {"cifar10": cifar10, "png": png, "read": read, "memory": memory}
    parser.add_argument(
        "what",
        nargs="*",
        default=["cifar10", "png", "read"],
        metavar="WHAT",
        help=f"{', '.join(kinds)}; memory (Linux only) writes 4.3 GB",
    )
    parser.add_argument("--dir", help="work directory (default: the system's temporary directory)")
    parser.add_argument("--repeat", type=int, default=3, help="number of runs; the best one counts")
    options = parser.parse_args(argv)
    for name in options.what:
        if name not in kinds:
            raise UserError(f"{name} is not one of {', '.join(kinds)}{cli.nearest(name, kinds)}")
    print(f"{build.num_workers(None)} processors")
    for name in options.what:
        with tempfile.TemporaryDirectory(dir=options.dir) as directory:
            kinds[name](Path(directory), options)


def _seconds(arguments: Sequence[str | Path], repeat: int) -> float:
    """Returns the seconds of the fastest of some runs of a whole command of the tool."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        subprocess.run([sys.executable, _TOOL, *arguments], check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - start)
    return best


def cifar10(directory: Path, options: argparse.Namespace) -> None:
    """Measures making CIFAR-10: 50,000 images of 32x32 from pickles, four levels, labels."""
    random = np.random.RandomState(2)
    for i in range(1, 6):
        data = random.randint(0, 256, (10_000, 3072)).astype(np.uint8)
        with open(directory / f"data_batch_{i}", "wb") as file:
            labels = random.randint(0, 10, 10_000).tolist()
            pickle.dump({"data": data, "labels": labels}, file, protocol=4)
    arguments = ["create_cifar10", directory / "out", directory, "--force"]
    print(f"create_cifar10: {50_000 / _seconds(arguments, options.repeat):,.0f} images/s")


def png(directory: Path, options: argparse.Namespace, count: int = 2000) -> None:
    """Measures making a data set from 256x256 PNGs: checking them and writing all levels."""
    source = directory / "source"
    source.mkdir()
    random = np.random.RandomState(0)
    for i in range(count):  # smooth shapes with some noise, like photographs
        small = Image.fromarray(random.randint(0, 256, (32, 32, 3)).astype(np.uint8))
        pixels = np.asarray(small.resize((256, 256), Image.Resampling.BICUBIC)).astype(int)
        pixels = np.clip(pixels + random.randint(-4, 5, pixels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(source / f"{i:05d}.png")
    start = time.perf_counter()
    for i in range(count // 4):
        np.asarray(Image.open(source / f"{i:05d}.png"))
    alone = count // 4 / (time.perf_counter() - start)
    arguments = ["create_from_images", directory / "out", source, "--force"]
    rate = count / _seconds(arguments, options.repeat)
    print(f"create_from_images: {rate:,.0f} images/s (decoding alone, one process: {alone:,.0f})")


def read(directory: Path, options: argparse.Namespace) -> None:
    """Measures reading random images of each level in one thread."""
    random = np.random.RandomState(0)
    print("reading, checksums included:")
    for resolution, count in ((64, 20_000), (1024, 64)):
        path = directory / f"r{resolution}"
        step = max(1, (1 << 22) // resolution**2)
        with DatasetWriter(path, resolution, 3) as writer:
            for _ in range(0, count, step):
                shape = (step, 3, resolution, resolution)
                writer.add(random.randint(0, 256, shape).astype(np.uint8))
        data = Dataset(path)
        for level in data.levels if resolution == 64 else [128, 256, 512, 1024]:
            batch = max(8, min(1024, (1 << 22) // level**2))
            best = 0.0
            for _ in range(10 * options.repeat):
                indices = random.randint(0, data.num_images, batch)
                start = time.perf_counter()
                data.read(level, indices)
                best = max(best, batch / (time.perf_counter() - start))
            rate = best * 3 * level**2 / 1e6
            print(f"  {level:4d}x{level:<4d} {best:12,.0f} images/s {rate:8,.0f} MB/s")


def memory(directory: Path, options: argparse.Namespace) -> None:
    """Measures time and peak memory of writing, and of checking, a million images."""
    digits = np.random.RandomState(1).bytes(60_000 * 28 * 28)
    with gzip.open(directory / "train-images-idx3-ubyte.gz", "wb", 1) as file:
        file.write(np.array([2051, 60_000, 28, 28], ">u4").tobytes() + digits)
    out = directory / "out"
    program = (  # getrusage's peak would include the memory of this process
        "import sys, dataset_tool; dataset_tool.main(sys.argv[1:])\n"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )
    for arguments in (["create_mnistrgb", out, directory], ["verify", out]):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=_TOOL.parent, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        peak = int(done.stdout.split()[-1]) / 1024
        print(f"{arguments[0]}, a million images: {seconds:.0f} s, at most {peak:,.0f} MiB")


if __name__ == "__main__":
    cli.run(main)
