"""What the commands have in common."""

import argparse
from collections.abc import Callable, Sequence

from pgan_tf import cli

RAW = "datasets/raw"  # where commands look for what they convert, unless told


def command(
    commands: argparse._SubParsersAction, run: Callable[..., int | None], text: str, examples: str
) -> cli.Parser:
    """Adds a command that calls `run`, and is named after it: create_x after _run_create_x.

    Args:
      commands: of the tool's parser.
      run: gets the options by name; returns the exit status, or None for 0.
      text: what the command does, one sentence or two.
      examples: arguments, one example a line.
    """
    name = run.__name__.removeprefix("_run_")
    lines = "\n".join(f"  python dataset_tool.py {name} {x}".rstrip() for x in examples.split("\n"))
    parser = commands.add_parser(name, help=text, description=text, examples=lines)
    parser.set_defaults(run=run)
    return parser


def create_command(
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
    """Adds a command that writes a data set, with what all of these have in common.

    Args:
      commands, run, text, examples: see `command`.
      out: default of OUT, or None.
      sources: (destination, name, help, default or None) of what it converts.
      partial: whether it has --allow-partial.
      workers: whether it has --workers.
    """
    parser = command(commands, run, text, examples)
    positional = [("path", "OUT", "directory to make", out), *sources]
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
        help="files that each level is split into",
    )
    parser.add_argument(
        "--compress", choices=("png", "gzip"), help="pack the images of 32x32 and more"
    )
    if partial:
        parser.add_argument(
            "--allow-partial", action="store_true", help="accept fewer images than there should be"
        )
    return parser


def add_workers(parser: cli.Parser) -> None:
    """Adds --workers."""
    parser.add_argument(
        "--workers",
        type=cli.whole_number(),
        metavar="N",
        help="processes that share the work (default: one a processor)",
    )


def add_shuffle(parser: cli.Parser) -> None:
    """Adds --shuffle."""
    parser.add_argument(
        "--shuffle", type=int, choices=(0, 1), default=1, help="records in random order, or as read"
    )


def print_done(path: str, num_images: int | None = None) -> None:
    """Prints the line that ends a command: what is where."""
    images = "" if num_images is None else f"{num_images} images in "
    print(f"{images}{path}")
