"""Command line: makes films from a snapshot or a run."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # `python pgan_tf/video.py`: the package's own directory would hide others
    sys.path[0] = str(Path(__file__).parents[1])

from pgan_tf import cli, devices, run
from pgan_tf.cli import parse_seeds
from pgan_tf.errors import UserError

EXAMPLES = """\
  python -m pgan_tf.video walk --snapshot --duration 60 --fps 30 --grid 3x2 --out walk.mp4
  python -m pgan_tf.video walk --snapshot --seeds 3,14,15,92 --out seeds.webm
  python -m pgan_tf.video walk --snapshot --latent a/latent.npy --latent b/latent.npy
  python -m pgan_tf.video walk --snapshot --direction 1 --duration 6 --out direction.gif
  python -m pgan_tf.video growth --run --reals --out growth.mp4
  python -m pgan_tf.video growth --run results/000-openmoji-fp32 --render --seeds 0-5

The ending of --out decides the format: .mp4 (H.264), .webm (VP9), .webp, .gif. After Ctrl-C an
existing file is unchanged, and no new one is left.
"""
_LONGEST = 24 * 3600  # seconds
_MOST_PIXELS = 8192


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog="python -m pgan_tf.video",
        description="Makes films: a walk through the latents of a snapshot, or a run's growth.",
        examples=EXAMPLES,
    )
    commands = p.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_walk(commands)
    _add_growth(commands)
    return p


def _add_walk(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("walk", help="a looping film of Gs's images while its latents change")
    cli.add_snapshot(p)
    _add_common(p, "walk.mp4", 60.0)
    p.add_argument(
        "--grid", metavar="COLSxROWS", type=cli.columns_and_rows,
        help="grid of images (default: 3x2, or one image that goes through --seeds or --latent)",
    )  # fmt: skip
    p.add_argument(
        "--smoothing", metavar="SECONDS", type=cli.number(0, _LONGEST), default=1.0,
        help="how slowly the latents change: standard deviation of the Gaussian that smooths them",
    )  # fmt: skip
    p.add_argument(
        "--seed", metavar="N", type=cli.whole_number(0, 2**32 - 1), default=0,
        help="seed of the random walk",
    )  # fmt: skip
    p.add_argument(
        "--seeds", metavar="LIST", type=_seeds,
        help="go through the latents of these seeds, such as 3,14,15-92, and back to the first;"
        " with --direction: the seeds of the images that change",
    )  # fmt: skip
    p.add_argument(
        "--latent", metavar="FILE", action="append", default=[],
        help="go through the latents of a .npy file [n, latent_size], such as pgan_tf.project"
        " writes, after those of --seeds; may be repeated (default: none)",
    )  # fmt: skip
    p.add_argument(
        "--straight", action="store_true",
        help="go straight from latent to latent of --seeds or --latent, not along arcs",
    )  # fmt: skip
    p.add_argument(
        "--class", metavar="K", dest="class_name",
        help="class of all images, a number from 0 or a name (default: the classes in turn, by cell"
        " of the grid, by seed, or by row of --latent)",
    )  # fmt: skip
    cli.add_psi(p)
    p.add_argument(
        "--direction", metavar="N", type=cli.whole_number(1),
        help="swing along the Nth principal direction of Gs's first features; 1 is the strongest",
    )  # fmt: skip
    p.add_argument(
        "--strength", metavar="X", type=cli.number(0, 1000), default=1.0,
        help="how far --direction swings; 1: by the length of a latent",
    )  # fmt: skip


def _add_growth(commands: argparse._SubParsersAction) -> None:
    p = commands.add_parser("growth", help="a film of how a run's pictures grew")
    p.add_argument(
        "--run", metavar="RUN", nargs="?", const="", required=True,
        help="the run's directory; without a value: the newest run in --results",
    )  # fmt: skip
    _add_common(p, "growth.mp4", 30.0)
    p.add_argument(
        "--grid", metavar="COLSxROWS", type=cli.columns_and_rows,
        help="images of each picture to show, from its upper left (default: all, but at most 8x4 if"
        " they are smaller than 128x128)",
    )  # fmt: skip
    p.add_argument("--reals", action="store_true", help="begin with the real images")
    p.add_argument(
        "--render", action="store_true",
        help="make the images anew from the run's snapshots",
    )  # fmt: skip
    p.add_argument(
        "--seeds", metavar="LIST", type=_seeds,
        help="seeds to --render, such as 0-5 (default: the latents of the run's pictures)",
    )  # fmt: skip


def _add_common(p: argparse.ArgumentParser, out: str, duration: float) -> None:
    cli.add_results(p)
    p.add_argument("--out", metavar="FILE", default=out, help="the film")
    p.add_argument(
        "--duration", metavar="SECONDS", type=cli.number(0.01, _LONGEST), default=duration,
        help="length of the film",
    )  # fmt: skip
    p.add_argument(
        "--fps", metavar="N", type=cli.whole_number(1, 120), default=30, help="frames a second"
    )
    p.add_argument(
        "--size", metavar="WIDTHxHEIGHT", type=_size,
        help="largest size of the film, such as 1920x1080; small images are enlarged to fill it"
        " (default: by format, with small images enlarged to 256 pixels, or 128 in .webp and"
        " .gif)",
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and makes the film."""
    args = parser().parse_args(argv)
    common = {name: getattr(args, name) for name in ("duration", "fps", "grid", "size")}
    devices.load_tensorflow(repeatable=True)
    if args.command == "walk":
        from pgan_tf.film.walk import walk

        film = walk(
            args.snapshot or args.results,
            args.out,
            **common,
            smoothing=args.smoothing,
            seed=args.seed,
            seeds=args.seeds or (),
            straight=args.straight,
            class_name=args.class_name,
            direction=args.direction,
            strength=args.strength,
            latent_files=args.latent,
            psi=args.psi,
        )
    else:
        from pgan_tf.film import encoding
        from pgan_tf.film.growth import growth

        encoding.check(args.out, args.fps)  # before looking for a run
        film = growth(
            args.run or newest_run(args.results),
            args.out,
            **common,
            reals=args.reals,
            render=args.render,
            seeds=args.seeds or (),
        )
    print(film)


def newest_run(results: str) -> run.Run:
    """Returns the newest run in a results directory.

    Raises: UserError when there is none.
    """
    if runs := run.runs_in(results):
        return runs[-1]
    return run.Run.open(results)  # a run itself, or an error that says what is there


def _seeds(text: str) -> list[int]:
    try:
        return parse_seeds(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("--seeds ")) from None


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{1,3})x([1-9]\d{1,3})", text)
    if not match or max(int(match[1]), int(match[2])) > _MOST_PIXELS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not width x height such as 1920x1080, from 10 to {_MOST_PIXELS} pixels"
        )
    return int(match[1]), int(match[2])


if __name__ == "__main__":
    cli.run(main)
