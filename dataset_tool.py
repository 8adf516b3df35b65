"""Makes, checks and shows data sets. `python dataset_tool.py --help` lists the commands."""

from collections.abc import Sequence

from pgan_tf import cli
from pgan_tf.data.commands import care, known, own

_EXAMPLES = """\
  python dataset_tool.py create_openmoji datasets/openmoji
  python dataset_tool.py create_from_images datasets/mine ~/photos --resolution 256 --crop center
  python dataset_tool.py verify datasets/mine
"""


def main(argv: Sequence[str] | None = None) -> int | None:
    """Runs one command; returns its exit status, or None for 0."""
    parser = cli.Parser(
        description="Makes, checks and shows data sets for progressive GANs.", examples=_EXAMPLES
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group in (care, own, known):
        group.add_commands(commands)
    arguments = vars(parser.parse_args(argv))
    del arguments["command"]
    return arguments.pop("run")(**arguments)


if __name__ == "__main__":
    cli.run(main)
