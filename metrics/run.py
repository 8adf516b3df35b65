"""Command line: measures the snapshots of a run, or folders of images."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # `python metrics/run.py`: modules in metrics/ would hide other packages
    sys.path[0] = str(Path(__file__).parents[1])

from pgan_tf import cli, devices, progress
from pgan_tf.errors import UserError

if TYPE_CHECKING:  # these load TensorFlow
    from metrics.evaluate import Evaluator, Measurable
    from metrics.measuring import Row
    from metrics.results import Plan

EXAMPLES = """\
  python -m metrics.run --snapshot                        newest snapshot of the newest run
  python -m metrics.run --snapshot results/003-celeba     every snapshot of a run
  python -m metrics.run --snapshot results/003-celeba/network-snapshot-010000.npz \\
      --metrics swd,msssim,fid,is --inception inception-2015-12-05.tgz
  python -m metrics.run --images REALS FAKES --metrics fid,kid
  python -m metrics.run --images datasets/celeba FAKES.zip --skip-bad
  python -m metrics.run --images STATISTICS.npz FAKES --metrics fid
  python -m metrics.run --snapshot results/007-mnistrgb --metrics modes --mnist-dir MNIST

Results are appended to metric-NAME.jsonl in the run's directory, or in the current directory with
--images.
"""


def parser() -> cli.Parser:
    """Returns the parser of the command line."""
    p = cli.Parser(
        prog="python -m metrics.run",
        description="Measures trained networks, or folders of images: SWD, MS-SSIM, FID and more.",
        examples=EXAMPLES,
    )
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--snapshot", nargs="?", const="", metavar="PATH|RUN",
        help="a snapshot, or a run to measure all its snapshots; without a value, the newest"
        " snapshot of the newest run",
    )  # fmt: skip
    source.add_argument(
        "--images", nargs=2, metavar=("REALS", "FAKES"),
        help="two sets of images: each a folder or zip file of images, a data set's directory, or,"
        " for fid, an .npz file of statistics (mu, sigma); FAKES may be a snapshot",
    )  # fmt: skip
    source.add_argument("--list", action="store_true", help="list the metrics and their values")
    p.add_argument(
        "--metrics", default="swd,msssim", metavar="LIST",
        help="metrics separated by commas, such as swd,msssim,fid,kid,is,modes (--list describes"
        " them); fid, kid and is need the Inception network, modes needs --mnist-dir",
    )  # fmt: skip
    p.add_argument(
        "--num-images", type=cli.whole_number(), metavar="N",
        help="images for each metric (default: the metric's number in --list, or all images of a"
        " folder that has fewer)",
    )  # fmt: skip
    p.add_argument(
        "--data-dir", metavar="DIR", help="data set to compare with (default: the training's)"
    )
    p.add_argument(
        "--real-passes", type=cli.whole_number(0), default=1, metavar="N",
        help="how many times reals are measured against other reals (with --images: one half"
        " against the other), which shows what perfect fakes would get",
    )  # fmt: skip
    p.add_argument(
        "--skip-bad", action="store_true",
        help="leave out image files that can't be used instead of stopping",
    )  # fmt: skip
    p.add_argument(
        "--seed", type=cli.whole_number(0), default=0, metavar="N", help="seed of all random draws"
    )  # fmt: skip
    p.add_argument(
        "--inception", metavar="FILE",
        help="weights of the 2015-12-05 Inception network: .pth, .pb or .tgz",
    )  # fmt: skip
    p.add_argument(
        "--inception-sha256", metavar="HEX", help="expected hash of the --inception file"
    )
    p.add_argument("--mnist-dir", metavar="DIR", help="directory of MNIST's .gz files, for modes")
    cli.add_results(p)
    p.add_argument(
        "--out", metavar="DIR",
        help="directory to append results in (default: the run's, or the current directory)",
    )  # fmt: skip
    p.add_argument(
        "--cache", metavar="DIR",
        help="directory of cached statistics and weights (default: ~/.cache/pgan-tf)",
    )  # fmt: skip
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Measures what the command line asks for; returns 1 if anything failed, else 0."""
    args = parser().parse_args(argv)
    if args.inception_sha256 and not args.inception:
        raise UserError("--inception-sha256 needs --inception: it is the hash of that file")
    devices.load_tensorflow(repeatable=True)
    if args.list:
        return _list()
    return _measure_images(args) if args.images else _measure_snapshots(args)


def _list() -> int:
    from metrics.registry import METRICS

    for metric in METRICS.values():
        values = ", ".join(metric.columns(32))
        print(f"{metric.name:<10}{metric.summary}; {metric.num_images} images; {values}")
    return 0


def _evaluator(args: argparse.Namespace) -> Evaluator:
    from metrics.evaluate import Evaluator
    from metrics.measuring import make_tools
    from metrics.registry import parse_names

    tools = make_tools(args.cache, args.seed, args.inception, args.inception_sha256, args.mnist_dir)
    return Evaluator(parse_names(args.metrics), tools, args.num_images)


def _measure_images(args: argparse.Namespace) -> int:
    from metrics.inputs import open_pair
    from metrics.measuring import image_rows

    evaluator = _evaluator(args)
    out = _directory(args.out or ".")
    most = evaluator.most_images
    with _Console(evaluator) as console:
        reals, fakes = args.images
        stream, others = open_pair(
            fakes, reals, needs_reals=True, seed=args.seed, max_images=most,
            max_reals=2 * most if args.real_passes else most,
            skip_bad=args.skip_bad, say=console.say, progress=console.progress,
        )  # fmt: skip
        rows = image_rows(evaluator, stream, others, args.real_passes, console)
        return console.print_rows(rows, out)


def _measure_snapshots(args: argparse.Namespace) -> int:
    from metrics.measuring import snapshot_rows

    evaluator = _evaluator(args)
    paths = _snapshot_paths(args)
    out = _directory(args.out or paths[0].parent)
    with _Console(evaluator) as console:
        rows = snapshot_rows(evaluator, paths, args.data_dir, args.real_passes, console)
        return console.print_rows(rows, out)


def _snapshot_paths(args: argparse.Namespace) -> list[Path]:
    """Returns the snapshots that `--snapshot` selects, oldest first."""
    from pgan_tf.run import Run, newest_snapshot

    if not args.snapshot:
        return [newest_snapshot(args.results)]
    path = Path(args.snapshot)
    if not path.exists():
        raise UserError(f"--snapshot {path} does not exist; name a snapshot, or a run's directory")
    if path.is_file():
        return [path]
    return [m.path for m in Run(path).snapshots] or [newest_snapshot(path)]


def _directory(path: str | Path) -> Path:
    """Returns the directory for results, made if missing; raises UserError if it isn't writable."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {path}: {error.strerror}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"can't append results in {path}; name another directory with --out DIR")
    return path


class _Console:
    """Shows a measurement: notes before it, a bar with the time left, and the table of results."""

    def __init__(self, evaluator: Evaluator):
        self._metrics = evaluator.metrics
        self._table = None
        self._bar, self._tasks = None, {}

    def __enter__(self) -> _Console:
        return self

    def __exit__(self, *exception) -> None:
        self._end_bar()

    def begin(self, stream: Measurable, plans: Sequence[Plan]) -> None:
        from metrics.report import Table

        self._end_bar()
        if self._table is None:
            self._table = Table(self._metrics, stream)
        self._table.announce(plans)

    def progress(self, name: str, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = progress.bar("images")
            self._bar.start()
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, total=total)
        self._bar.update(self._tasks[name], completed=min(done, total))

    def say(self, text: str) -> None:
        self._end_bar()
        print(text, flush=True)

    def print_rows(self, rows: Iterator[Row], out: Path) -> int:
        """Prints rows as they are measured and appends them to files in `out`.

        Returns: 1 if anything except the floor failed, else 0.
        """
        from metrics.report import append_results

        failed = False
        for row in rows:
            self._end_bar()
            if row.error:
                self.say(f"{row.name}: {row.error}")
                failed = True
                continue
            self._table.row(row.name, row.results)
            append_results(out, row.results, row.about)
            failed |= not row.is_floor and any(result.error for result in row.results)
        return int(failed)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar, self._tasks = None, {}


if __name__ == "__main__":
    cli.run(main)
