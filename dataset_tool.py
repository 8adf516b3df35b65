"""Makes data sets, checks them, shows them. `python dataset_tool.py --help` lists the commands."""

import argparse
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
    for add in (_create_openmoji,):
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


def _add_output(parser: cli.Parser, default: str) -> None:
    """Adds what all commands that write a data set have in common."""
    parser.add_argument("path", metavar="OUT", nargs="?", default=default, help="directory to make")
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
