"""Parts that several commands share."""

import argparse
from collections.abc import Callable, Sequence

from pgan_tf import cli

RAW = "datasets/raw"  # default directory of the downloads that are converted


def add_command(
    commands: argparse._SubParsersAction, run: Callable[..., int | None], text: str, examples: str
) -> cli.Parser:
    """Adds a command that calls `run`. A function _run_create_x gives the command create_x.

    Args:
      commands: the tool's subparsers.
      run: the function to call with the options as keyword arguments; it returns the exit
        status, or None for 0.
      text: one or two sentences that say what the command does.
      examples: the command's arguments, one example per line.
    Returns: the command's parser.
    """
    name = run.__name__.removeprefix("_run_")
    lines = "\n".join(f"  python dataset_tool.py {name} {x}".rstrip() for x in examples.split("\n"))
    parser = commands.add_parser(name, help=text, description=text, examples=lines)
    parser.set_defaults(run=run)
    return parser


def add_create_command(
    commands: argparse._SubParsersAction,
    run: Callable[..., int | None],
    text: str,
    examples: str,
    *,
    out: str | None = None,
    sources: Sequence[tuple[str, str, str, str | None]] = (),
    partial: bool = False,
    workers: bool = True,
) -> cli.Parser:
    """Adds a command that makes a data set, with the options that all such commands share.

    Args:
      commands, run, text, examples: see `add_command`.
      out: default of the argument OUT, or None.
      sources: arguments for the files to convert: (destination, name, help, default or None).
      partial: True to add --allow-partial.
      workers: True to add --workers.
    Returns: the command's parser.
    """
    parser = add_command(commands, run, text, examples)
    positional = [("path", "OUT", "data set directory to make", out), *sources]
    for destination, name, help_text, default in positional:
        nargs = "?" if default else None
        parser.add_argument(destination, metavar=name, nargs=nargs, default=default, help=help_text)
    parser.add_argument("--force", action="store_true", help="replace an existing data set")
    if workers:
        add_workers(parser)
    parser.add_argument(
        "--shards",
        type=cli.whole_number(),
        default=1,
        metavar="N",
        help="number of files to split each level into",
    )
    parser.add_argument(
        "--compress", choices=("png", "gzip"), help="compress images of 32x32 and larger"
    )
    if partial:
        parser.add_argument(
            "--allow-partial", action="store_true", help="accept fewer images than expected"
        )
    return parser


def add_workers(parser: cli.Parser) -> None:
    """Adds --workers."""
    parser.add_argument(
        "--workers",
        type=cli.whole_number(),
        metavar="N",
        help="number of processes that share the work (default: one per processor)",
    )


def add_shuffle(parser: cli.Parser) -> None:
    """Adds --shuffle."""
    parser.add_argument(
        "--shuffle",
        type=int,
        choices=(0, 1),
        default=1,
        help="1: records in random order; 0: in the order in which they are read",
    )


def print_done(path: str, num_images: int | None = None) -> None:
    """Prints a command's last line: the file or directory written, and its number of images."""
    images = "" if num_images is None else f"{num_images} images in "
    print(f"{images}{path}")
