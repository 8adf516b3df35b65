"""Command line: the demo, which draws, trains on and generates portraits (`make demo`)."""

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

if not __package__:  # `python pgan_tf/demo.py`: the package's own directory would hide others
    sys.path[0] = str(Path(__file__).parents[1])

from pgan_tf import cli, devices
from pgan_tf.config import Config, override, parse_assignments
from pgan_tf.files import atomic_path
from pgan_tf.presets import compose

EXAMPLES = """\
  python -m pgan_tf.demo
  python -m pgan_tf.demo --dir demo --set train.total_kimg=60
"""
PRESET = "portraits"
_GRID = (16, 8)
_FILM_SECONDS = 15.0
_FACES = 8  # faces shown in the pictures of stages and neighbours


def main(argv: Sequence[str] | None = None) -> None:
    """Makes the data set, trains, and makes pictures; a second call continues the first."""
    p = cli.Parser(
        prog="python -m pgan_tf.demo",
        description="Draws portraits (OpenMoji), trains a growing GAN on them on this machine, and"
        " makes pictures of what it learned. The same command again continues a stopped demo.",
        examples=EXAMPLES,
    )
    p.add_argument("--dir", metavar="DIR", default="demo", help="directory for all files")
    p.add_argument(
        "--set", metavar="OPTION=VALUE", action="append", default=[], dest="assignments",
        help=f"override an option of the config {PRESET}; may be repeated",
    )  # fmt: skip
    args = p.parse_args(argv)
    home = Path(args.dir)
    devices.load_tensorflow()
    from pgan_tf.training.loop import Interrupted

    try:
        for line in demo(home, parse_assignments(args.assignments)):
            print(line, flush=True)
    except Interrupted as stop:
        print(stop)
        raise SystemExit(130) from None


def demo(home: Path, assignments: Mapping[str, str]) -> Iterator[str]:
    """Runs the whole demo and yields lines about its progress.

    Args:
      home: directory for all files.
      assignments: dotted option name -> value; these replace the preset's values.
    """
    from pgan_tf.train import train

    home.mkdir(parents=True, exist_ok=True)
    config = demo_config(home, assignments)
    growing = home / "growing.png"
    size = f"{config.data.resolution}x{config.data.resolution}"
    yield f"Training a growing GAN on drawn portraits, from 4x4 to {size}."
    yield "This takes 10 to 20 minutes on two CPU cores."
    yield "Ctrl-C stops it; the same command continues."
    yield f"Images made during the training, replaced at every tick: {growing}"
    if "data.path" not in assignments:
        yield from make_dataset(Path(config.data.path), config.data.resolution)
    run = train(config, home / "results", callbacks=[newest_picture(growing)])
    yield from make_pictures(run, config, home)


def demo_config(home: Path, assignments: Mapping[str, str]) -> Config:
    """Returns the preset's options for one GPU or the CPU, with the data set in `home`.

    Args:
      home, assignments: see `demo`.
    """
    import tensorflow as tf

    path = str(home / "openmoji-portraits")
    config = compose(
        PRESET,
        options={"name": PRESET, "data.path": path, **assignments},
        gpus=len(tf.config.list_physical_devices("GPU")),
    )
    if config.data.path != path:
        return config
    command = f"python dataset_tool.py create_openmoji {shlex.quote(path)} --subset portraits"
    resolution = f"--resolution {config.data.resolution}"
    return override(config, {"data.command": f"{command} {resolution}"})


def make_dataset(path: Path, resolution: int) -> Iterator[str]:
    """Draws the portraits unless the data set exists; yields a line about it."""
    from pgan_tf.data.making import openmoji

    if not path.exists():
        yield f"Drawing portraits into {path}"
        openmoji.create(path, resolution, "portraits")


def newest_picture(path: Path):
    """Returns a training callback that copies each new picture of fakes to `path`."""
    from pgan_tf.training.callbacks import NoCallback

    class NewestPicture(NoCallback):
        def picture(self, end, picture):
            with atomic_path(path) as partial:
                shutil.copyfile(picture, partial)

    return NewestPicture()


def make_pictures(run: Path, config: Config, home: Path) -> Iterator[str]:
    """Writes pictures and films of a finished run; yields a line about each.

    The pictures of stages and neighbours show the same people: the first of the run's pictures.
    """
    from pgan_tf import growth, neighbours
    from pgan_tf.data.opening import open_dataset
    from pgan_tf.film.growth import growth as growth_film
    from pgan_tf.film.walk import walk
    from pgan_tf.generate import generate
    from pgan_tf.pictures import save_png

    columns, rows = _GRID
    resolution = config.data.resolution
    zoom = max(128 // resolution, 1)
    (grid,) = generate(run, home, range(columns * rows), grid=_GRID, zoom=zoom)
    yield f"People who don't exist: {grid}"
    stages = growth.stages_sheet(run, resolution, _FACES, zoom=zoom)
    yield f"How {_FACES} of them grew: {save_png(stages, home / 'stages.png')}"
    newest = list(growth.stage_pictures(run).values())[-1]
    fakes = growth.first_cells(newest, resolution, _FACES)
    sheet = neighbours.neighbours_sheet(
        fakes, open_dataset(config.data), zoom=zoom, mirror=config.data.mirror
    )
    near = save_png(sheet, home / "neighbours.png")
    yield f"The same {_FACES}, each beside its three nearest training images: {near}"
    film = growth_film(run, home / "growth.mp4", duration=_FILM_SECONDS, reals=True)
    yield f"A film of the growth: {film}"
    film = walk(run, home / "walk.mp4", duration=_FILM_SECONDS, grid=(6, 4))
    yield f"A walk from face to face: {film}"
    out = home / "images"
    yield f"More: python -m pgan_tf.generate --snapshot {run} --seeds 0-99 --out {out}"


if __name__ == "__main__":
    cli.run(main)
