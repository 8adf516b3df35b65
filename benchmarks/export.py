"""Measures exports to each format, and the speed of each format's own runtime.

Writes a snapshot with random weights and the paper's width (23 million weights in Gs), exports it
to each format and runs the file with its own runtime, one image at a time. Each step runs in a new
process, so its time and peak memory don't include other steps. Both include loading Python's
modules and, for the export, reading the snapshot's three networks.

CPU seconds are the sum over all cores. On a shared machine they say more than elapsed seconds.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

if not __package__:  # python benchmarks/export.py
    sys.path.insert(0, str(Path(__file__).parents[1]))

from pgan_tf import cli
from pgan_tf.export import FORMATS
from pgan_tf.export.writing import size_of
from pgan_tf.run import snapshot_name

EXAMPLES = """\
  python -m benchmarks.export
  python -m benchmarks.export --resolution 256 --formats onnx,litert --images 10
"""
_ROOT = Path(__file__).parents[1]
_NOT_EXPORTED = "here"  # the network in this program, measured for comparison


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a row for each format."""
    p = cli.Parser(prog="python -m benchmarks.export", description=__doc__, examples=EXAMPLES)
    p.add_argument("--resolution", type=int, default=1024, help="resolution of the images")
    p.add_argument(
        "--formats", default=",".join([*FORMATS, _NOT_EXPORTED]),
        help=f"formats to measure; {_NOT_EXPORTED!r} is this program's own compiled generator",
    )  # fmt: skip
    p.add_argument("--images", type=int, default=5, help="number of images for the median time")
    p.add_argument(
        "--step", nargs=3, metavar=("STEP", "IN", "OUT"), help="run only this step and print JSON"
    )
    args = p.parse_args(argv)
    if args.step:
        print(json.dumps(measure(args)))
        return
    print("            export                            file    first image          then")
    print("format      seconds  CPU seconds  peak GiB      MB  seconds  peak GiB  seconds an image")
    with tempfile.TemporaryDirectory() as directory:
        snapshot = f"{directory}/{snapshot_name(0)}"
        _run("snapshot", "-", snapshot, args)
        for name in args.formats.split(","):
            out, row = snapshot, f"{name:10}  {'':7}  {'':11}  {'':8}"
            if name != _NOT_EXPORTED:
                out = f"{directory}/Gs{FORMATS[name].ending}"
                e = _run(name, snapshot, out, args)
                row = (
                    f"{name:10}  {e['seconds']:7.1f}  {e['cpu_seconds']:11.1f}"
                    f"  {e['peak_gib']:8.2f}"
                )
            r = _run(f"run-{name}", out, "-", args)
            print(
                f"{row}  {size_of(Path(out)) / 1e6:6.1f}  {r['first']:7.1f}  {r['peak_gib']:8.2f}"
                f"  {r['image']:16.2f}",
                flush=True,
            )


def _run(step: str, source: str, out: str, args) -> dict[str, float]:
    """Runs a step in a new process; returns what `measure` returns there."""
    command = [
        sys.executable, "-m", "benchmarks.export", "--step", step, source, out,
        "--resolution", str(args.resolution), "--images", str(args.images),
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(args) -> dict[str, float]:
    """Runs one step in this process.

    Returns: `seconds`, `cpu_seconds` and `peak_gib` of the step. A step that runs a network adds
      `first`, the seconds of loading it and making the first image, and `image`, the median seconds
      of the other images.
    """
    import resource

    from pgan_tf import devices

    start = time.perf_counter()
    devices.load_tensorflow()
    step, source, out = args.step
    found = {}
    if step == "snapshot":
        write_snapshot(out, args.resolution)
    elif step.startswith("run-"):
        found = time_images(RUNTIMES[step.removeprefix("run-")], source, args.images)
    else:
        from pgan_tf.export import export

        export(source, out, step)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_gib": used.ru_maxrss / 2**20,
        **found,
    }


def write_snapshot(path: str, resolution: int) -> None:
    """Writes a snapshot of untrained networks of the paper's width."""
    from pgan_tf.networks import Discriminator, Generator
    from pgan_tf.snapshots import save_snapshot

    networks = [kind(resolution, seed=k) for k, kind in enumerate((Generator, Discriminator))]
    save_snapshot(path, *networks, networks[0], None, None, 0.0)


def time_images(load: Callable[[str], Callable], path: str, count: int) -> dict[str, float]:
    """Loads a network and makes images, one at a time.

    Returns: `first` and `image`, as in `measure`.
    """
    import numpy as np

    times = [time.perf_counter()]
    make = load(path)
    random = np.random.RandomState(0)
    for _ in range(count + 1):
        image = make(random.randn(1, 512).astype(np.float32))
        assert image.shape[0] == 1 and np.isfinite(image).all()
        times.append(time.perf_counter())
    taken = np.diff(times)
    return {"first": taken[0], "image": statistics.median(taken[1:])}


def _load_onnx(path: str) -> Callable:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda z: session.run(["images"], {"latents": z})[0]


def _load_litert(path: str) -> Callable:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=os.cpu_count())
    (signature,) = interpreter.get_signature_list()
    run = interpreter.get_signature_runner(signature)
    return lambda z: run(latents=z)["images"]


def _load_keras(path: str) -> Callable:
    import keras

    model = keras.saving.load_model(path)
    return lambda z: model.predict_on_batch({"latents": z})["images"]


def _load_savedmodel(path: str) -> Callable:
    import tensorflow as tf

    model = tf.saved_model.load(path)
    serve = model.signatures["serving_default"]

    def make(z, model=model):  # keeps the model alive, which the signature needs
        return serve(latents=tf.constant(z))["images"].numpy()

    return make


def _load_here(path: str) -> Callable:
    from pgan_tf import load_snapshot
    from pgan_tf.inference import Synthesis

    return Synthesis(load_snapshot(path).Gs, most=1).floats


RUNTIMES = {
    "onnx": _load_onnx,
    "litert": _load_litert,
    "keras": _load_keras,
    "savedmodel": _load_savedmodel,
    _NOT_EXPORTED: _load_here,
}
"""Format -> function that loads a file and returns a function: latents [1, 512] -> images."""


if __name__ == "__main__":
    cli.run(main)
