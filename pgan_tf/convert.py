"""Command line: converts networks from one file format to another."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # `python pgan_tf/convert.py`: the package's own directory would hide others
    sys.path[0] = str(Path(__file__).parents[1])

from pgan_tf import cli, devices
from pgan_tf.errors import UserError

if TYPE_CHECKING:
    from pgan_tf.snapshots import Snapshot

EXAMPLES = """\
  python -m pgan_tf.convert karras2018iclr-celebahq-1024x1024.pkl celebahq.npz
  python -m pgan_tf.convert results/003-celeba celeba.pkl      the newest snapshot of a run
  python -m pgan_tf.convert theano.pkl tensorflow.pkl --force
"""
_ENDINGS = (".npz", ".pkl")


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog="python -m pgan_tf.convert",
        description="Reads networks of this program, or of the official TensorFlow or Theano"
        " version, and writes them in another format. Nothing in a file is executed.",
        examples=EXAMPLES,
    )
    p.add_argument(
        "source", metavar="OLD", help="a file of networks, or a run, to use its newest snapshot"
    )
    p.add_argument(
        "target", metavar="NEW",
        help="the file to write: .npz for this program's format, .pkl for the TensorFlow version's,"
        " without its source text",
    )  # fmt: skip
    p.add_argument("--force", action="store_true", help="replace an existing file")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and converts."""
    args = parser().parse_args(argv)
    check_target(args.target, args.force)
    devices.load_tensorflow()
    snapshot = convert(args.source, args.target, args.force)
    Gs = snapshot.Gs
    labels = f", {Gs.label_size} classes" if Gs.label_size else ""
    print(
        f"{args.target}: networks of {snapshot.path}, {Gs.resolution}x{Gs.resolution},"
        f" {Gs.num_channels} channel(s){labels}, lod {snapshot.lod:g}"
    )
    if args.target.endswith(".pkl") and snapshot.config is not None:
        print("This format can't hold the run's options and class names; they were left out.")


def convert(source: str | os.PathLike, target: str | os.PathLike, force: bool = False) -> Snapshot:
    """Converts a file of networks, or a run's newest snapshot, to the format of `target`'s ending.

    The target is written under a temporary name and renamed when it is whole.

    Args:
      source: see `pgan_tf.load_snapshot`.
      target: `.npz` for this program's format, with everything that the source holds; `.pkl` for
        the TensorFlow version's, with networks and lod only.
      force: replace an existing file.
    Returns: the networks read.
    Raises: UserError when the source can't be read, the target exists, or the format can't hold
      such networks; OSError, which leaves the target as it was.
    """
    from pgan_tf.snapshots import load_snapshot, save_snapshot, tensorflow_pickle

    check_target(target, force)
    snapshot = load_snapshot(source)
    if Path(target).suffix == ".pkl":
        tensorflow_pickle.write(target, snapshot)
        return snapshot
    unused = [i for i in range(snapshot.Gs.label_size) if i not in snapshot.used_classes]
    save_snapshot(
        target, snapshot.G, snapshot.D, snapshot.Gs, snapshot.config, snapshot.nimg, snapshot.lod,
        snapshot.class_names, unused,
    )  # fmt: skip
    return snapshot


def check_target(target: str | os.PathLike, force: bool) -> None:
    """Raises UserError if the target can't be written; call it before any work."""
    path = Path(target)
    if path.suffix not in _ENDINGS:
        raise UserError(f"{path}: name a file that ends in .npz (this program's) or .pkl")
    if path.is_dir():
        raise UserError(f"{path} is a directory; name a file")
    if not path.parent.is_dir():
        raise UserError(f"{path} can't be written: there is no directory {path.parent}")
    if path.exists() and not force:
        raise UserError(f"{path} exists; name another file, or give --force to replace it")


if __name__ == "__main__":
    cli.run(main)
