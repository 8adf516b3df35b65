"""Command line: measures snapshots of a training, or folders of images."""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pgan_tf import __version__, cli, devices, progress
from pgan_tf.errors import UserError

EXAMPLES = """\
  python -m metrics.run --snapshot                        newest snapshot of the newest run
  python -m metrics.run --snapshot results/003-celeba     every snapshot of a run
  python -m metrics.run --snapshot results/003-celeba/network-snapshot-010000.npz \\
      --metrics swd,msssim,fid,is --inception inception-2015-12-05.tgz
  python -m metrics.run --images REALS FAKES --metrics fid,kid
  python -m metrics.run --snapshot results/007-mnistrgb --metrics modes --mnist-dir MNIST

Lines are appended to metric-NAME.jsonl in the run's directory.
"""


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog="python -m metrics.run",
        description="Measures trained networks, or folders of images, as the paper does.",
        examples=EXAMPLES,
    )
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--snapshot", nargs="?", const="", metavar="PATH|RUN",
        help="a snapshot; a run: every snapshot in it; nothing: the newest of the newest run",
    )  # fmt: skip
    what.add_argument(
        "--images", nargs=2, metavar=("REALS", "FAKES"),
        help="two folders or zip files of images",
    )  # fmt: skip
    p.add_argument(
        "--metrics", default="swd,msssim", metavar="LIST",
        help="of swd, msssim, fid, is, kid, modes, with commas; fid, is and kid need the Inception"
        " network, modes --mnist-dir",
    )  # fmt: skip
    p.add_argument(
        "--num-images", type=cli.whole_number(), metavar="N",
        help="images for each metric (default: swd 16384, msssim 20000, fid, is and kid 50000,"
        " modes 256000; of folders all, up to that)",
    )  # fmt: skip
    p.add_argument("--data-dir", metavar="DIR", help="the data set (default: the training's)")
    p.add_argument(
        "--real-passes", type=cli.whole_number(0), default=1, metavar="N",
        help="how often other reals are measured against the reals first, for the floor",
    )  # fmt: skip
    p.add_argument(
        "--seed", type=cli.whole_number(0), default=0, metavar="N", help="of all random draws"
    )  # fmt: skip
    p.add_argument("--inception", metavar="FILE", help="weights: .pth, .pb or .tgz of 2015-12-05")
    p.add_argument("--inception-sha256", metavar="HEX", help="hash to expect of --inception")
    p.add_argument("--mnist-dir", metavar="DIR", help="MNIST's .gz files, for modes")
    p.add_argument("--results", default="results", metavar="DIR", help="where runs are kept")
    p.add_argument("--out", metavar="DIR", help="where lines are appended (default: the run)")
    p.add_argument(
        "--cache", metavar="DIR", help="kept statistics and weights (default: ~/.cache/pgan-tf)"
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Parses the command line and measures; returns 1 when anything failed."""
    args = parser().parse_args(argv)
    if args.inception_sha256 and not args.inception:
        raise UserError("--inception-sha256 is the hash of the file that --inception names")
    devices.load_tensorflow(repeatable=True)
    return _measure_folders(args) if args.images else _measure_snapshots(args)


def _evaluator(args: argparse.Namespace):
    from metrics import inception_weights, measures, mnist_modes
    from metrics.cache import Cache
    from metrics.evaluate import Evaluator

    cache = Path(args.cache) if args.cache else inception_weights.default_cache()

    def load_inception():
        return inception_weights.load(args.inception, cache, args.inception_sha256)

    def load_classifier():
        if not args.mnist_dir:
            raise UserError("MNIST's digits are needed: --mnist-dir DIR with its .gz files")
        classifier = mnist_modes.load_classifier(args.mnist_dir, cache)
        print(f"Digit classifier: {classifier.accuracy:.2%} of the digits held out are right")
        return classifier

    return Evaluator(
        measures.parse_names(args.metrics), Cache(cache), args.num_images, args.seed,
        load_inception, load_classifier,
    )  # fmt: skip


def _measure_folders(args: argparse.Namespace) -> int:
    from metrics.report import Table, append_results
    from metrics.sources import Folder

    evaluator = _evaluator(args)
    out = _directory(args.out or ".")
    reals, fakes = (Folder(path) for path in args.images)
    table = Table(evaluator.metrics, fakes)
    with _progress() as progress:
        results = evaluator.measure(fakes, reals, progress=progress)
    table.row(fakes.name, results)
    about = {
        "images": fakes.name,
        "reals": reals.name,
        "seed": args.seed,
        "resolution": fakes.shape[0],
        "mirror": False,
        "version": __version__,
    }
    append_results(out, results, about)
    return int(any(result.error for result in results))


def _measure_snapshots(args: argparse.Namespace) -> int:
    from metrics.report import Table, append_results
    from metrics.sources import Fakes, Reals
    from pgan_tf.snapshots import load_snapshot

    evaluator = _evaluator(args)
    table = reals = None
    failed = False
    for path in _snapshot_paths(args):
        try:
            snapshot = load_snapshot(path)
        except UserError as error:
            print(f"{path.name}: {error}", flush=True)
            failed = True
            continue
        Gs, config = snapshot.Gs, snapshot.config
        if table is None:
            dataset = _dataset(args, snapshot, evaluator)
            labels = dataset.labels if dataset is not None and Gs.label_size else None
            if dataset is not None:
                reals = Reals(dataset, Gs.resolution, config.data.mirror, args.seed)
        fakes = Fakes(Gs, snapshot.lod, args.seed, labels, name=path.stem)
        about = {
            "seed": args.seed,
            "resolution": Gs.resolution,
            "mirror": config.data.mirror,
            "dataset": dataset.name if dataset else None,
            "dataset_hash": reals.key["dataset"] if reals else None,
            "version": __version__,
        }
        out = _directory(args.out or path.parent)
        if table is None:
            table = Table(evaluator.metrics, fakes)
            floor = max(evaluator.counts(fakes, evaluator.metrics).values())
            for number in range(1, args.real_passes + 1 if reals else 1):
                others = Reals(
                    dataset, Gs.resolution, config.data.mirror, args.seed,
                    first=number * floor, name=f"reals, pass {number}",
                )  # fmt: skip
                with _progress() as progress:
                    results = evaluator.measure(others, reals, number, progress)
                table.row(others.name, results)
                append_results(out, results, {"reals_pass": number, **about})
        with _progress() as progress:
            results = evaluator.measure(fakes, reals, progress=progress)
        table.row(path.stem, results)
        failed |= any(result.error for result in results)
        append_results(
            out,
            results,
            {
                "snapshot": path.name,
                "kimg": snapshot.kimg,
                "lod": snapshot.lod,
                **about,
            },
        )
    return int(failed)


def _snapshot_paths(args: argparse.Namespace) -> list[Path]:
    """Returns the snapshots that `--snapshot` means, oldest first."""
    from pgan_tf.run import Run, newest_snapshot

    if not args.snapshot:
        return [newest_snapshot(args.results)]
    path = Path(args.snapshot)
    if not path.exists():
        raise UserError(f"--snapshot {path} is not there; name a snapshot, or a run's directory")
    if path.is_file():
        return [path]
    return [m.path for m in Run(path).snapshots] or [newest_snapshot(path)]


def _dataset(args: argparse.Namespace, snapshot, evaluator):
    """Returns the training's data set, or None where it is missing and no metric needs it."""
    from pgan_tf import config as config_module
    from pgan_tf.data.opening import open_dataset

    Gs, config = snapshot.Gs, snapshot.config
    if args.data_dir:
        other = config_module.own_images(args.data_dir)
        config = config_module.override(
            config, {**other, "data.synthetic": "", "data.resolution": 0}
        )
    try:
        dataset = open_dataset(config.data)
    except UserError:
        if args.data_dir or any(metric.needs_reals for metric in evaluator.metrics):
            raise
        return None
    where = config.data.path or dataset.name
    if dataset.num_channels != Gs.num_channels:
        raise UserError(
            f"{where} has {dataset.num_channels} channel(s), but the networks {Gs.num_channels};"
            " name their data set with --data-dir"
        )
    if dataset.resolution < Gs.resolution:
        raise UserError(
            f"{where} is {dataset.resolution}x{dataset.resolution}, but the networks make"
            f" {Gs.resolution}x{Gs.resolution}; name their data set with --data-dir"
        )
    if Gs.label_size and dataset.label_size != Gs.label_size:
        raise UserError(
            f"{where} has {dataset.label_size} classes, but the networks {Gs.label_size};"
            " name their data set with --data-dir"
        )
    return dataset


def _directory(path: str | Path) -> Path:
    """Makes a directory if need be; raises UserError, before any work, where lines can't go."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {path}: {error.strerror}") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"{path}, where results are appended, can't be written to; use --out DIR")
    return path


@contextmanager
def _progress() -> Iterator:
    """Gives a function (name, done, total) that moves a bar with the time left."""
    tasks: dict[str, int] = {}
    with progress.bar("images") as bar:

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=min(done, total))

        yield update


if __name__ == "__main__":
    cli.run(main)
