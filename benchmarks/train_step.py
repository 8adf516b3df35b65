"""Measures the training step: images per second at each resolution, and the matrix product's speed.

Each resolution runs in a new process, so its first step and peak memory don't include other
resolutions. Kept compiled programs are used only with --kept. Networks have the paper's width
(fmap_base 8192, fmap_max 512) and all stages up to 1024x1024. The share is the step's operations
per second divided by those of a float32 product of two 2048x2048 matrices, which is measured in the
same process before and after. Operations are counted from the networks' tables, with fused scaling
(pgan_tf/networks/table.py).

--against runs each resolution in another checkout of this repository too, and prints the ratios.
The ratio of the shares stays valid when the machine's speed changes meanwhile.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # python benchmarks/train_step.py
    sys.path.insert(0, str(Path(__file__).parents[1]))

from pgan_tf import cli

EXAMPLES = """\
  python -m benchmarks.train_step
  python -m benchmarks.train_step --resolutions 4,8,16,32 --seconds 20
  python -m benchmarks.train_step --without-xla --resolutions 4,8
  python -m benchmarks.train_step --kept --resolutions 32
  python -m benchmarks.train_step --against ../before --resolutions 4,8,16
"""
_ROOT = Path(__file__).parents[1]
MINIBATCH = {256: 14, 512: 6, 1024: 3}  # the paper's own schedule: 16 elsewhere


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a row for each resolution."""
    p = cli.Parser(prog="python -m benchmarks.train_step", description=__doc__, examples=EXAMPLES)
    p.add_argument(
        "--resolutions",
        default="4,8,16,32,64,128,256,512,1024",
        help="resolutions to measure",
    )
    p.add_argument("--minibatch", type=int, help="default: 16; 14, 6, 3 at 256, 512, 1024")
    p.add_argument("--precision", default="fp32", help="fp32, tf32, fp16 or bf16")
    p.add_argument("--fade", action="store_true", help="measure during a fade, at lod + 0.5")
    p.add_argument("--without-xla", action="store_true", help="use plain TensorFlow operations")
    p.add_argument("--seconds", type=float, default=10, help="duration; two steps at least")
    p.add_argument("--kept", action="store_true", help="add a second process's first step")
    p.add_argument("--against", metavar="CHECKOUT", help="another checkout to compare with")
    p.add_argument("--one", type=int, help="measure this resolution in this process, print JSON")
    args = p.parse_args(argv)
    if args.one:
        print(json.dumps(measure(args.one, args)))
        return
    head = "resolution  minibatch  images/s  GFLOP/s  product GFLOP/s  share  first step  peak GiB"
    print(
        head
        + "  with kept" * args.kept
        + "   there  images/s x  share x  first step x" * bool(args.against)
    )
    options = [
        *("--precision", args.precision, "--seconds", str(args.seconds)),
        *(("--minibatch", str(args.minibatch)) if args.minibatch else ()),
        *(["--fade"] * args.fade + ["--without-xla"] * args.without_xla),
    ]
    for resolution in args.resolutions.split(","):
        row = f"{resolution:>10}"
        with tempfile.TemporaryDirectory() as kept:
            where = kept if args.kept else "off"
            r = _run(resolution, options, _ROOT, where)
            if isinstance(r, str):
                print(f"{row}  failed: {r}")
                continue
            row += (
                f"  {r['minibatch']:9d}  {r['images_per_sec']:8.2f}"
                f"  {r['gflops']:7.0f}  {r['product_gflops']:15.0f}  {r['share']:5.2f}"
                f"  {r['first_step']:9.1f}s  {r['peak_gib']:8.1f}"
            )
            if args.kept:
                again = _run(resolution, options, _ROOT, where)
                row += f"  {again if isinstance(again, str) else again['first_step']:8.1f}s"
        if args.against:
            other = _run(resolution, options, Path(args.against), "off")
            row += f"  failed: {other}" if isinstance(other, str) else (
                f"  {other['images_per_sec']:6.2f}"
                f"  {r['images_per_sec'] / other['images_per_sec']:10.3f}"
                f"  {r['share'] / other['share']:7.3f}"
                f"  {r['first_step'] / other['first_step']:12.3f}"
            )  # fmt: skip
        print(row, flush=True)


def _run(resolution: str, options: list[str], checkout: Path, kept: str) -> dict[str, float] | str:
    """Returns the result of `measure` in a new process of a checkout, or why that failed."""
    command = [sys.executable, "-m", "benchmarks.train_step", *options, "--one", resolution]
    environment = {**os.environ, "PGAN_TF_COMPILED": kept}
    done = subprocess.run(command, capture_output=True, text=True, cwd=checkout, env=environment)
    if done.returncode:
        errors = re.findall(r"^\S*Error.*|^Killed.*", done.stderr, re.MULTILINE)
        return (errors or [f"exit code {done.returncode}"])[-1]
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(resolution: int, args) -> dict[str, float]:
    """Measures the full update of D, G and Gs at one resolution; `main` prints the results."""
    import numpy as np

    from pgan_tf import devices
    from pgan_tf.config import resolve
    from pgan_tf.runtime import Runtime
    from pgan_tf.schedule import Phase
    from pgan_tf.training.operations import iteration_operations
    from pgan_tf.training.setup import build_networks
    from pgan_tf.training.step import DiscriminatorBatch, GeneratorBatch, TrainStep

    devices.load_tensorflow()
    options = {
        "train.precision": args.precision,
        "train.xla": not args.without_xla,
        "D.mbstd_group_size": 16,  # the preset v1-1gpu's, like the minibatches
    }
    config = resolve(options, {"train.gpus": 1} if _gpus() else {})
    runtime = Runtime.start(config.train.gpus, args.precision)
    products = [product_rate()]
    with runtime.strategy.scope():
        G, D, Gs = build_networks(config, 1024, 3, 0)
    step = TrainStep(G, D, Gs, config, runtime)

    n = args.minibatch or MINIBATCH.get(resolution, 16)
    rs = np.random.RandomState(0)
    empty = np.zeros([n, 0], np.float32)

    def latents():
        return rs.randn(n, 512).astype(np.float32)

    d = DiscriminatorBatch(
        reals=rs.randint(0, 256, [n, resolution, resolution, 3]).astype(np.uint8),
        labels=empty,
        latents=latents(),
        mixing=rs.rand(n).astype(np.float32),
        flips=rs.rand(n) < 0.5,
    )
    g = GeneratorBatch(latents(), empty)
    stage = resolution.bit_length() - 1
    phase = Phase(0, 10 - stage + 0.5 * args.fade, resolution, n, 1e-3, 1e-3, 1.0)

    def run():
        start = time.perf_counter()
        step([d], g, phase)
        step.skipped_in_a_row()  # waits for the device
        return time.perf_counter() - start

    first = run()
    times = [run(), run()]
    while sum(times) < args.seconds:
        times.append(run())
    products.append(product_rate())
    rate = n / float(np.median(times))
    gflops = rate * iteration_operations(G, D, stage) / 1e9
    return {
        "minibatch": n,
        "images_per_sec": rate,
        "gflops": gflops,
        "product_gflops": max(products),
        "share": gflops / max(products),
        "first_step": first,
        "peak_gib": _peak_bytes() / 2**30,
    }


def product_rate() -> float:
    """Returns the best GFLOP/s of ten float32 products of two 2048x2048 matrices."""
    import tensorflow as tf

    a = tf.random.normal([2048, 2048])
    product = tf.function(lambda a: tf.reduce_max(a @ a))
    best = float("inf")
    for _ in range(11):
        start = time.perf_counter()
        product(a).numpy()
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best / 1e9


def _peak_bytes() -> int:
    """Returns the peak memory of the first GPU or, without one, of this process."""
    import resource

    import tensorflow as tf

    if _gpus():
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _gpus() -> int:
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


if __name__ == "__main__":
    cli.run(main)
