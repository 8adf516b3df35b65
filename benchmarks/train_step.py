"""Measures the training step: images per second at each resolution, and the matrix product's speed.

Each resolution runs in a new process, so its first step and peak memory don't include other
resolutions. Kept compiled programs are used only with --kept. Networks have the paper's width
(fmap_base 8192, fmap_max 512) and all stages up to 1024x1024. The share is the step's operations
per second divided by those of a float32 product of two 2048x2048 matrices, which is measured in the
same process before and after. Operations are counted from the networks' tables, with fused scaling
(pgan_tf/networks/table.py).

--against compares with another checkout of this repository. Two processes, one of each checkout,
take turns step by step, so both slow down when the machine does; the ratio is the median of the
pairs' ratios. This is done twice, and the second time the other checkout goes first; first steps
are the faster of the two. It needs the memory of both processes at once.

With --programs, --against compares the programs that the two checkouts give to XLA instead: how
many instructions of each kind they have, and the shapes of their convolutions and products. Equal
programs are equally fast on any machine.
"""

import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # python benchmarks/train_step.py
    sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.checkouts import (
    PRODUCTS,
    MeasuringError,
    checkout_at,
    compare_programs,
    compare_times,
    run,
)
from pgan_tf import cli

EXAMPLES = """\
  python -m benchmarks.train_step
  python -m benchmarks.train_step --resolutions 4,8,16,32 --seconds 20
  python -m benchmarks.train_step --without-xla --resolutions 4,8
  python -m benchmarks.train_step --kept --resolutions 32
  python -m benchmarks.train_step --against ../before --resolutions 4,8,16
  python -m benchmarks.train_step --against ../before --programs
"""
MINIBATCH = {256: 14, 512: 6, 1024: 3}  # the paper's own schedule: 16 elsewhere


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a row for each resolution."""
    p = cli.Parser(prog="python -m benchmarks.train_step", description=__doc__, examples=EXAMPLES)
    p.add_argument("--resolutions", default="4,8,16,32,64,128,256,512,1024", help="resolutions")
    p.add_argument("--minibatch", type=int, help="default: 16; 14, 6, 3 at 256, 512, 1024")
    p.add_argument("--precision", default="fp32", help="fp32, tf32, fp16 or bf16")
    p.add_argument("--fade", action="store_true", help="measure during a fade, at lod + 0.5")
    p.add_argument("--without-xla", action="store_true", help="use plain TensorFlow operations")
    p.add_argument("--seconds", type=float, default=10, help="duration; two steps at least")
    p.add_argument("--kept", action="store_true", help="add a second process's first step")
    p.add_argument("--against", metavar="CHECKOUT", help="another checkout to compare with")
    p.add_argument("--programs", action="store_true", help="with --against: programs, not times")
    p.add_argument("--one", type=int, metavar="RESOLUTION", help="measure it in this process")
    p.add_argument("--on-request", action="store_true", help="with --one: a step for each line")
    p.add_argument("--count", action="store_true", help="with --one: count instructions")
    args = p.parse_args(argv)
    if args.one:
        if args.on_request:
            serve(args.one, args)
        elif args.count:
            print(json.dumps(count_instructions(args.one, args)))
        else:
            print(json.dumps(measure(args.one, args)))
        return
    options = [
        *("--precision", args.precision, "--seconds", str(args.seconds)),
        *(("--minibatch", str(args.minibatch)) if args.minibatch else ()),
        *(["--fade"] * args.fade + ["--without-xla"] * args.without_xla),
    ]
    resolutions = args.resolutions.split(",")
    if args.against and args.programs:
        compare_programs(resolutions, options, checkout_at(args.against))
        return
    if args.against:
        compare_times(resolutions, options, checkout_at(args.against), args.seconds)
        return
    _print_table(resolutions, options, args.kept)


def _print_table(resolutions: Sequence[str], options: list[str], kept: bool) -> None:
    """Prints a row for each resolution.

    Args:
      kept: also measure a first step whose program the process before has kept.
    """
    head = "resolution  minibatch  images/s  GFLOP/s  product GFLOP/s  share  first step  peak GiB"
    print(head + "  with kept" * kept)
    for resolution in resolutions:
        with tempfile.TemporaryDirectory() as directory:
            where = directory if kept else "off"
            try:
                r = run(resolution, options, where)
                row = (
                    f"{resolution:>10}  {r['minibatch']:9d}  {r['images_per_sec']:8.2f}"
                    f"  {r['gflops']:7.0f}  {r['product_gflops']:15.0f}  {r['share']:5.2f}"
                    f"  {r['first_step']:9.1f}s  {r['peak_gib']:8.1f}"
                )
                if kept:
                    row += f"  {run(resolution, options, where)['first_step']:8.1f}s"
            except MeasuringError as error:
                row = f"{resolution:>10}  failed: {error}"
        print(row, flush=True)


@dataclass(frozen=True)
class _Prepared:
    """A training step at one resolution.

    Attributes:
      minibatch: images a step.
      operations: operations of an iteration, for each image.
      run: makes a step; returns the seconds it took.
      program: returns XLA's text of the program, not optimized.
    """

    minibatch: int
    operations: float
    run: Callable[[], float]
    program: Callable[[], str]


def measure(resolution: int, args) -> dict[str, float]:
    """Measures the full update of D, G and Gs at one resolution; `main` prints the results."""
    products = []
    step = prepare(resolution, args, before=lambda: products.append(product_rate()))
    first = step.run()
    times = [step.run(), step.run()]
    while sum(times) < args.seconds:
        times.append(step.run())
    products.append(product_rate())
    rate = step.minibatch / statistics.median(times)
    gflops = rate * step.operations / 1e9
    return {
        "minibatch": step.minibatch,
        "images_per_sec": rate,
        "gflops": gflops,
        "product_gflops": max(products),
        "share": gflops / max(products),
        "first_step": first,
        "peak_gib": _peak_bytes() / 2**30,
    }


def serve(resolution: int, args) -> None:
    """Prints the first step's seconds and the minibatch; then a step's seconds for each line."""
    step = prepare(resolution, args)
    print(json.dumps([step.run(), step.minibatch]), flush=True)
    for _ in sys.stdin:
        print(json.dumps([step.run()]), flush=True)


def count_instructions(resolution: int, args) -> dict[str, int]:
    """Returns kind -> number of instructions; kinds of products include the output's shape."""
    counts: Counter[str] = Counter()
    instruction = re.compile(r"\s*(?:ROOT )?%?[\w.-]+ = (\w+\[[\d,]*\])?\S* ([a-z-]+)\(")
    for line in prepare(resolution, args).program().splitlines():
        if match := instruction.match(line):
            shape, kind = match.groups()
            counts[f"{kind} {shape}" if kind in PRODUCTS else kind] += 1
    return counts


def prepare(resolution: int, args, before: Callable[[], None] = lambda: None) -> _Prepared:
    """Builds the networks and the full D + G + Gs update of one resolution.

    Args:
      before: called when the devices are set up, before the networks are built.
    """
    import numpy as np

    from pgan_tf import devices
    from pgan_tf.config import resolve
    from pgan_tf.runtime import Runtime
    from pgan_tf.schedule import Phase
    from pgan_tf.training.operations import iteration_operations
    from pgan_tf.training.setup import build_networks
    from pgan_tf.training.step import DiscriminatorBatch, GeneratorBatch, Rates, TrainStep

    devices.load_tensorflow()
    options = {
        "train.precision": args.precision,
        "train.xla": not args.without_xla,
        "D.mbstd_group_size": 16,  # the preset v1-1gpu's, like the minibatches
    }
    config = resolve(options, {"train.gpus": 1} if _gpus() else {})
    runtime = Runtime.start(config.train.gpus, args.precision)
    before()
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

    def program():
        rates = Rates(*(np.float32(rate) for rate in (phase.fade, 1e-3, 1e-3, 0.999)))
        function = step.program(phase.level, phase.fade > 0)
        return function.experimental_get_compiler_ir((d,), g, rates)(stage="hlo")

    return _Prepared(n, iteration_operations(G, D, stage), run, program)


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
