"""The demo: from nothing to a picture of drawn emoji that don't exist (`make demo`)."""

from collections.abc import Sequence
from pathlib import Path

from pgan_tf import cli, devices
from pgan_tf.config import parse_assignments
from pgan_tf.presets import compose

EXAMPLES = """\
  python -m pgan_tf.demo
  python -m pgan_tf.demo --dir demo --set train.total_kimg=60
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Makes the data set, trains, and makes a picture; what is there already is kept."""
    p = cli.Parser(
        prog="python -m pgan_tf.demo",
        description="Renders drawn emoji, trains a growing GAN on them on this machine, and makes"
        " a picture of what it learned. Run again, it continues where it was stopped.",
        examples=EXAMPLES,
    )
    p.add_argument("--dir", metavar="DIR", default="demo", help="where all of it goes")
    p.add_argument(
        "--set", metavar="OPTION=VALUE", action="append", default=[], dest="assignments",
        help="override an option of the config openmoji; may be repeated",
    )  # fmt: skip
    args = p.parse_args(argv)

    devices.load_tensorflow()
    import tensorflow as tf

    from pgan_tf.data.making import openmoji
    from pgan_tf.generate import generate
    from pgan_tf.training.loop import Interrupted, train

    home = Path(args.dir)
    dataset = home / "openmoji"
    assignments = parse_assignments(args.assignments)
    config = compose(
        "openmoji",
        options={"name": "openmoji", "data.path": str(dataset), **assignments},
        gpus=len(tf.config.list_physical_devices("GPU")),
    )
    if not dataset.exists() and "data.path" not in assignments:
        home.mkdir(parents=True, exist_ok=True)
        print(f"Rendering emoji into {dataset}")
        openmoji.create(str(dataset), resolution=config.data.resolution)
    try:
        run = train(config, str(home / "results"))
    except Interrupted as stop:
        print(stop)
        raise SystemExit(130) from None
    (grid,) = generate(run, home, range(16 * 8), grid=(16, 8), zoom=2)
    print(f"\nEmoji that don't exist: {grid}\nHow they grew: {run}/fakes*.png")
    print(f"More of them: python -m pgan_tf.generate --snapshot {run} --seeds 0-99 --out images")


if __name__ == "__main__":
    cli.run(main)
