"""Makes data sets, checks them, shows them. `python dataset_tool.py --help` lists the commands."""

import argparse
import dataclasses
from collections.abc import Callable, Sequence

from pgan_tf import cli
from pgan_tf.data.emoji_groups import SUBSETS

_EXAMPLES = """\
  python dataset_tool.py create_openmoji datasets/openmoji
  python dataset_tool.py create_from_images datasets/mine ~/photos --resolution 256 --crop center
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Runs one command."""
    parser = cli.Parser(
        description="Makes, checks and shows data sets for progressive GANs.", examples=_EXAMPLES
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_create_from_images, _create_openmoji):
        add(commands)
    arguments = vars(parser.parse_args(argv))
    del arguments["command"]
    arguments.pop("run")(**arguments)


def _command(
    commands: argparse._SubParsersAction, run: Callable[..., None], text: str, examples: str = ""
) -> cli.Parser:
    """Adds the command named like its function, less the underscore in front."""
    name = run.__name__.removeprefix("run_")
    examples = "".join(f"  python dataset_tool.py {name} {line}\n" for line in examples.split("\n"))
    parser = commands.add_parser(name, help=text, description=text, examples=examples)
    parser.set_defaults(run=run)
    return parser


def _add_output(parser: cli.Parser, default: str | None) -> None:
    """Adds what all commands that write a data set have in common; OUT may be left out or not."""
    parser.add_argument(
        "path",
        metavar="OUT",
        nargs="?" if default else None,
        default=default,
        help="directory to make",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing data set")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that share the work (default: one a processor)",
    )
    parser.add_argument("--shards", type=int, default=1, metavar="N", help="files a level")
    parser.add_argument(
        "--compress", choices=("png", "gzip"), help="pack the images of 32x32 and more"
    )


def _add_shuffle(parser: cli.Parser) -> None:
    parser.add_argument(
        "--shuffle", type=int, choices=(0, 1), default=1, help="records in random order, or as read"
    )


def _create_from_images(commands: argparse._SubParsersAction) -> None:
    parser = _command(
        commands,
        run_create_from_images,
        "Makes a data set of your own images: a directory tree or a zip file of PNG, JPEG, WebP,"
        " BMP or TIFF. Everything is checked before anything is written.",
        "datasets/mine ~/photos --resolution 256 --crop center\n"
        "datasets/mine photos.zip --resolution 128 --pad --background gray --labels folders",
    )
    _add_output(parser, None)
    parser.add_argument("image_dir", metavar="IMAGES", help="directory or zip file")
    _add_shuffle(parser)
    parser.add_argument(
        "--resolution", type=int, help="resize to this power of two (default: as the images are)"
    )
    parser.add_argument(
        "--crop", choices=("center", "none"), default="none", help="cut out the largest square"
    )
    parser.add_argument("--pad", action="store_true", help="extend to a square")
    parser.add_argument(
        "--resize", choices=("lanczos", "box"), default="lanczos", help="filter for resizing"
    )
    parser.add_argument(
        "--channels", type=int, choices=(1, 3), help="gray or RGB (default: as the images are)"
    )
    parser.add_argument(
        "--background",
        type=_colour,
        default="white",
        metavar="COLOR",
        help="behind what is transparent and around padded images: a name or #rrggbb",
    )
    parser.add_argument(
        "--labels",
        metavar="folders|FILE.json",
        help="classes from the topmost folders, or from a JSON file in IMAGES or elsewhere:"
        ' {"labels": [["name.png", 0], ...]}',
    )
    parser.add_argument("--skip-bad", action="store_true", help="leave out what can't be used")


def _colour(text: str) -> str:
    from PIL import ImageColor

    ImageColor.getrgb(text)  # raises ValueError, which the parser reports
    return text


def run_create_from_images(path: str, image_dir: str, **options) -> None:
    from pgan_tf.data import images
    from pgan_tf.data.imagefile import Preparation

    names = [field.name for field in dataclasses.fields(Preparation)]
    preparation = Preparation(**{name: options.pop(name) for name in names})
    images.create(path, image_dir, preparation=preparation, **options)


def _create_openmoji(commands: argparse._SubParsersAction) -> None:
    parser = _command(
        commands,
        run_create_openmoji,
        "Renders the drawn emoji of OpenMoji (CC BY-SA 4.0); needs no download.",
        "datasets/openmoji\ndatasets/openmoji-faces --subset faces --resolution 128",
    )
    _add_output(parser, "datasets/openmoji")
    parser.add_argument("--resolution", type=int, default=64, help="power of two, from 4 on")
    parser.add_argument("--subset", choices=SUBSETS, default="all", help="which emoji")
    parser.add_argument(
        "--skin-tones", action="store_true", help="also people and hands in five skin tones"
    )


def run_create_openmoji(path: str, **options) -> None:
    from pgan_tf.data import openmoji

    print(f"{openmoji.create(path, **options)} images in {path}")


if __name__ == "__main__":
    cli.run(main)
