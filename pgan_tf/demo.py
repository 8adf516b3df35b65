"""The demo: from nothing to portraits of people who don't exist (`make demo`)."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import configs
from pgan_tf import cli, devices
from pgan_tf import config as config_module
from pgan_tf.config import Config
from pgan_tf.files import atomic_path

EXAMPLES = """\
  python -m pgan_tf.demo
  python -m pgan_tf.demo --dir demo --set train.total_kimg=60
"""
PRESET = "portraits"
_GRID = (16, 8)
_FACES = 8  # on the pictures of stages and neighbours


def main(argv: Sequence[str] | None = None) -> None:
    """Makes the data set, trains, and makes pictures; what is there already is kept."""
    p = cli.Parser(
        prog="python -m pgan_tf.demo",
        description="Draws portraits (OpenMoji), trains a growing GAN on them on this machine, and"
        " makes pictures of what it learned. Run again, it continues where it was stopped.",
        examples=EXAMPLES,
    )
    p.add_argument("--dir", metavar="DIR", default="demo", help="where all of it goes")
    p.add_argument(
        "--set", metavar="OPTION=VALUE", action="append", default=[], dest="assignments",
        help=f"override an option of the config {PRESET}; may be repeated",
    )  # fmt: skip
    args = p.parse_args(argv)
    home = Path(args.dir)
    home.mkdir(parents=True, exist_ok=True)
    assignments = config_module.parse_assignments(args.assignments)

    devices.load_tensorflow()
    from pgan_tf.training.loop import Interrupted

    config = demo_config(home, assignments)
    growing = home / "growing.png"
    print(
        f"Trains a growing GAN on drawn portraits, from 4x4 to {config.data.resolution}x"
        f"{config.data.resolution} pixels: about 15 minutes on two CPU cores.\n"
        "Ctrl-C stops it; the same command continues.\n"
        f"What it makes while it learns: {growing}, replaced at every tick",
        flush=True,
    )
    if "data.path" not in assignments:
        make_dataset(Path(config.data.path), config.data.resolution)
    try:
        run = _train(config, home / "results", keeps_newest(growing))
    except Interrupted as stop:
        print(stop)
        raise SystemExit(130) from None
    for line in make_pictures(run, config, home):
        print(line)


def demo_config(home: Path, assignments: dict[str, str]) -> Config:
    """Returns the preset with the data set in `home`, for one GPU or the CPU, and overrides."""
    import tensorflow as tf

    return config_module.resolve(
        configs.HARDWARE["v2-1gpu"].options,
        configs.DATA[PRESET].options,
        {
            "train.gpus": min(1, len(tf.config.list_physical_devices("GPU"))),
            "data.path": str(home / "openmoji-portraits"),
            **assignments,
        },
    )


def make_dataset(path: Path, resolution: int) -> None:
    """Draws the portraits, if they are not there."""
    from pgan_tf.data.making import openmoji

    if not path.exists():
        print(f"Drawing portraits into {path}", flush=True)
        openmoji.create(path, resolution, "portraits")


def _train(config: Config, results: Path, show: Callable[[Path], None]) -> Path:
    """Trains, or continues; `show` is given the newest picture of fakes; returns the run."""
    from pgan_tf import growth
    from pgan_tf.training import loop

    run = loop.train(config, str(results))
    show(list(growth.stage_pictures(run).values())[-1])
    return run


def keeps_newest(path: Path) -> Callable[[Path], None]:
    """Returns a function that copies a picture to `path`, in place of the one before."""

    def show(picture: Path) -> None:
        with atomic_path(path) as partial:
            shutil.copyfile(picture, partial)

    return show


def make_pictures(run: Path, config: Config, home: Path) -> list[str]:
    """Writes grid.png, stages.png and neighbours.png of a finished run; returns a line on each.

    Stages and neighbours show the same people: the first of the run's own pictures.
    """
    from pgan_tf import growth, neighbours
    from pgan_tf.generate import generate
    from pgan_tf.images import save_png
    from pgan_tf.training.setup import open_dataset

    columns, rows = _GRID
    resolution = config.data.resolution
    zoom = max(128 // resolution, 1)
    (grid,) = generate(run, home, range(columns * rows), grid=_GRID, zoom=zoom)
    stages = save_png(growth.stages_sheet(run, resolution, _FACES, zoom=zoom), home / "stages.png")
    newest = list(growth.stage_pictures(run).values())[-1]
    fakes = growth.first_cells(newest, resolution, _FACES)
    sheet = neighbours.neighbours_sheet(
        fakes, open_dataset(config), zoom=zoom, mirror=config.data.mirror
    )
    near = save_png(sheet, home / "neighbours.png")
    return [
        f"People who don't exist: {grid}",
        f"How {_FACES} of them grew: {stages}",
        f"The same {_FACES}, each beside its three nearest training images: {near}",
        "More of them: python -m pgan_tf.generate"
        f" --snapshot {run} --seeds 0-99 --out {home / 'images'}",
    ]


if __name__ == "__main__":
    cli.run(main)
