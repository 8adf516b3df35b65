"""Command line: finds latents for pictures."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # `python pgan_tf/project.py`: the package's own directory would hide others
    sys.path[0] = str(Path(__file__).parents[1])

from pgan_tf import cli, devices
from pgan_tf.files import cache_directory

EXAMPLES = """\
  python -m pgan_tf.project --snapshot --image photo.png
  python -m pgan_tf.project --snapshot results/000-openmoji-fp32 --image a.png --image b.jpg
  python -m pgan_tf.project --snapshot --image cat.png --class cat --film search.webm --out cat
  python -m pgan_tf.project --snapshot --image photo.png --inception
  python -m pgan_tf.generate --snapshot --latent projected/latent.npy
"""


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog="python -m pgan_tf.project",
        description="Finds a latent from which the smoothed generator Gs makes an image like a"
        " given picture. The picture is cropped to the square in its middle and resized to the"
        " network's resolution. Writes latent.npy, projected.png, side-by-side.png (picture, image)"
        " and a film of the search.",
        examples=EXAMPLES,
    )
    cli.add_snapshot(p)
    cli.add_results(p)
    p.add_argument(
        "--image", metavar="FILE", action="append", required=True,
        help="the picture; may be repeated",
    )  # fmt: skip
    p.add_argument(
        "--class", metavar="K|NAME", dest="class_name",
        help="class to search, a number from 0 or a name (default: search all classes, and report"
        " the one found)",
    )  # fmt: skip
    p.add_argument(
        "--starts", metavar="N", type=cli.whole_number(1, 1000), default=8,
        help="number of searches to begin; the best four are finished",
    )  # fmt: skip
    p.add_argument(
        "--steps", metavar="N", type=cli.whole_number(1, 100_000), default=300,
        help="number of steps of a search",
    )  # fmt: skip
    p.add_argument(
        "--seed", metavar="N", type=cli.whole_number(0, 2**32 - 1), default=0,
        help="seed of the random starts; the same seed finds the same latent",
    )  # fmt: skip
    p.add_argument(
        "--film", metavar="NAME", default="search.mp4",
        help="name of the film; its ending decides the format: .mp4, .webm, .webp, .gif",
    )  # fmt: skip
    p.add_argument(
        "--inception", metavar="FILE", nargs="?", const="",
        help="also compare features of the Inception network, with weights from this file (as for"
        " metrics.run; without a value: the file in the cache directory); slow without a GPU",
    )  # fmt: skip
    p.add_argument("--no-film", action="store_true", help="make no film")
    p.add_argument(
        "--out", metavar="DIR", default="projected",
        help="directory for the files; with several images, each gets a directory in it",
    )  # fmt: skip
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and projects the pictures."""
    args = parser().parse_args(argv)
    devices.load_tensorflow(repeatable=True)
    from pgan_tf.projection.pictures import LATENT, decibels, project_pictures

    features = None
    if args.inception is not None:
        from metrics import inception_weights

        weights = inception_weights.load(args.inception or None, cache_directory())
        features = weights.differentiable
    snapshot = args.snapshot or args.results
    projected = project_pictures(
        snapshot, args.image, args.out,
        class_name=args.class_name, film=None if args.no_film else args.film,
        starts=args.starts, steps=args.steps, seed=args.seed, features=features,
    )  # fmt: skip
    for one in projected:
        if done := one.target.what_was_done():
            print(f"{one.target.path}: {done}")
        index, name = one.projection.class_index, one.class_name
        label = "" if index is None else f", class {name}"
        print(f"{one.target.path}: {decibels(one.projection.psnr)}{label}, in {one.directory}")
    last = projected[-1]
    command = ["python", "-m", "pgan_tf.generate", *_option("--snapshot", snapshot)]
    command += _option("--latent", last.directory / LATENT)
    command += [] if last.class_name is None else _option("--class", last.class_name)
    print(f"To make the image again: {shlex.join(command)}")


def _option(name: str, value: str | Path) -> list[str]:
    """Returns an option and its value as arguments; joins a value that begins with `-` by `=`."""
    value = str(value)
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


if __name__ == "__main__":
    cli.run(main)
