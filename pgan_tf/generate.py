"""Command line: makes images from a snapshot."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

if not __package__:  # `python pgan_tf/generate.py`: the package's own directory would hide others
    sys.path[0] = str(Path(__file__).parents[1])

from pgan_tf import cli, devices, latents, progress
from pgan_tf.errors import UserError

EXAMPLES = """\
  python -m pgan_tf.generate --snapshot --grid 8x4
  python -m pgan_tf.generate --snapshot results/000-openmoji-fp32 --seeds 0-99 --out faces
  python -m pgan_tf.generate --snapshot network-snapshot-012000.npz --seeds 3,14,15-92
  python -m pgan_tf.generate --snapshot --class 3 --seeds 0-9
  python -m pgan_tf.generate --snapshot results/002-pets-v2-1gpu-fp32 --class cat
  python -m pgan_tf.generate --snapshot --latent projected/latent.npy
  python -m pgan_tf.generate --snapshot --psi 0.7 --grid 8x4
"""
_MOST_PIXELS = 32768  # width and height of an image, at most


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog="python -m pgan_tf.generate",
        description="Makes images with the smoothed generator Gs of a snapshot. The same seed"
        " gives the same image.",
        examples=EXAMPLES,
    )
    cli.add_snapshot(p)
    cli.add_results(p)
    p.add_argument(
        "--seeds", metavar="LIST",
        help="one image per seed, such as 0-99 or 1,5,7-9 (default: 0-31, or as many as --grid"
        " holds; none with --latent)",
    )  # fmt: skip
    p.add_argument(
        "--latent", metavar="FILE", action="append", default=[],
        help="a .npy file of latents [n, latent_size], such as pgan_tf.project writes: one image"
        " per row, after those of --seeds; may be repeated (default: none)",
    )  # fmt: skip
    p.add_argument(
        "--grid",
        metavar="COLSxROWS",
        type=cli.columns_and_rows,
        help="make one picture of all images in a grid, such as 8x4, instead of many files",
    )
    p.add_argument(
        "--class", metavar="K|NAME", dest="class_name",
        help="class of all images, a number from 0 or a name (default: the classes in turn, by seed"
        " or by row of --latent)",
    )  # fmt: skip
    cli.add_psi(p)
    p.add_argument(
        "--zoom", metavar="N", type=cli.whole_number(), default=1, help="enlarge pixels N times"
    )
    p.add_argument("--out", metavar="DIR", default="generated", help="directory for the PNG files")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and makes the images."""
    args = parser().parse_args(argv)
    grid = args.grid
    default = 0 if args.latent else grid[0] * grid[1] if grid else 32
    seeds = cli.parse_seeds(args.seeds) if args.seeds else list(range(default))
    devices.load_tensorflow(repeatable=True)
    for path in generate(
        args.snapshot or args.results, args.out, seeds, grid, args.class_name, args.zoom,
        args.latent, args.psi,
    ):  # fmt: skip
        print(path)


def generate(
    snapshot: str | Path,
    out: str | Path,
    seeds: Sequence[int],
    grid: tuple[int, int] | None = None,
    class_name: int | str | None = None,
    zoom: int = 1,
    latent_files: Sequence[str | Path] = (),
    psi: float = 1.0,
) -> list[Path]:
    """Writes an image for each seed and each latent: one PNG file each, or one grid.

    Args:
      snapshot: a snapshot, a run, or a directory of runs; uses the newest snapshot there.
      out: the directory for the files; it is made if needed.
      seeds: one for each image; see `latents.from_seeds`.
      grid: (columns, rows) of one picture of all images, filled row by row; None: separate files.
      class_name: class of all images, a number or a name; None: seed, or row of the latents,
        modulo the number of classes.
      zoom: factor by which pixels are enlarged.
      latent_files: `.npy` files of latents; see `latents.read`.
      psi: truncation, 0 to 1; see `truncation`. 1 changes nothing.
    Returns: the files written: `seedNNNN.png` by seed and `latentNNNN.png`, numbered through all
      latent files; or `grid.png`.
    Raises: UserError when there is no snapshot, no such class, or no latents in a file, when the
      grid holds fewer images than asked for, or when psi or zoom is out of range.
    """
    from pgan_tf import pictures
    from pgan_tf.inference import Synthesis
    from pgan_tf.snapshots import load_snapshot
    from pgan_tf.truncation import Truncation

    loaded = load_snapshot(snapshot)
    Gs = loaded.Gs
    if zoom * Gs.resolution > _MOST_PIXELS:
        raise UserError(
            f"--zoom {zoom}: images would be wider than {_MOST_PIXELS} pixels; choose a smaller one"
        )
    given = latents.read_all(latent_files, Gs.latent_size)
    count = len(seeds) + len(given)
    if grid and count > grid[0] * grid[1]:
        given_by = "--seeds and --latent ask" if latent_files else "--seeds asks"
        raise UserError(f"{given_by} for {count} images, but --grid holds {grid[0] * grid[1]}")
    numbers = [*seeds, *range(len(given))]
    labels = latents.one_hot(loaded.classes(numbers, class_name), Gs.label_size)
    truncation = Truncation(Gs)
    truncation.prepare(labels, psi)
    kinds = ["seed"] * len(seeds) + ["latent"] * len(given)

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    run = Synthesis(Gs, loaded.lod)
    step = max(run.minibatch, 64)
    files, made = [], []
    with progress.bar("images") as bar:
        task = bar.add_task("Generating", total=count)
        for first in range(0, count, step):
            part = slice(first, first + step)
            rows = slice(max(first - len(seeds), 0), max(first + step - len(seeds), 0))
            z = [latents.from_seeds(seeds[part], Gs.latent_size), given[rows]]
            pixels = run(truncation(np.concatenate(z), labels[part], psi), labels[part])
            pixels = pictures.enlarge(pixels, zoom * pixels.shape[1])
            if grid:
                made.append(pixels)
            else:
                files += [
                    pictures.save_png(image, out / f"{kind}{number:04d}.png")
                    for kind, number, image in zip(kinds[part], numbers[part], pixels, strict=True)
                ]
            bar.advance(task, len(pixels))
    if grid:
        picture = pictures.make_grid(np.concatenate(made), grid[0])
        files = [pictures.save_png(picture, out / "grid.png")]
    return files


if __name__ == "__main__":
    cli.run(main)
