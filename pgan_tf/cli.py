"""Command lines: options with suggestions, one-line errors, exit statuses."""

import argparse
import errno
import math
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from pgan_tf import compiled
from pgan_tf.errors import UserError, nearest

_MOST_IN_GRID = 100_000
_MOST_IMAGES = 10**7


class Parser(argparse.ArgumentParser):
    """ArgumentParser that names the nearest option or command and keeps errors to one line.

    Examples given as `examples` end the help text. Options can't be abbreviated, so that a
    script that works today is not ambiguous tomorrow.
    """

    def __init__(self, *args, examples: str = "", **kwargs):
        kwargs.setdefault("formatter_class", _HelpFormatter)
        kwargs.setdefault("allow_abbrev", False)
        if examples:
            kwargs["epilog"] = "examples:\n" + examples.rstrip()
        super().__init__(*args, **kwargs)

    def parse_args(self, args=None, namespace=None):
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser = self._chosen_parser(parsed)
            parser.error(parser._unknown(unknown[0]))
        return parsed

    def parse_known_args(self, args=None, namespace=None):
        self._given = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def _unknown(self, argument: str) -> str:
        name = argument.split("=")[0]
        hint = nearest(name, self._option_string_actions) if name.startswith("-") else ""
        return f"unknown argument {argument}{hint}"

    def _chosen_parser(self, parsed: argparse.Namespace) -> argparse.ArgumentParser:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return action.choices.get(getattr(parsed, action.dest, None), self)
        return self

    def _check_value(self, action, value):
        if action.choices is not None and value not in action.choices:
            choices = [str(c) for c in action.choices]
            what = "command" if isinstance(action, argparse._SubParsersAction) else "value"
            raise argparse.ArgumentError(
                None if what == "command" else action,
                f"unknown {what} {value!r}{nearest(str(value), choices)};"
                f" choose from {', '.join(choices)}",
            )

    def error(self, message: str) -> NoReturn:
        if "required" in message:  # what is missing may be there, misspelt
            options = [a for a in self._given if a.startswith("--") and len(a) > 2]
            unknown = [a for a in options if a.split("=")[0] not in self._option_string_actions]
            message = self._unknown(unknown[0]) if unknown else message
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def whole_number(least: int = 1, greatest: int | None = None) -> Callable[[str], int]:
    """Returns what turns an option's text into a number from `least` to `greatest`, if any."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if value < least or (greatest is not None and value > greatest):
            until = f"to {greatest}" if greatest is not None else "on"
            raise argparse.ArgumentTypeError(f"{text} is not from {least} {until}")
        return value

    return parse


def number(least: float, greatest: float) -> Callable[[str], float]:
    """Returns what turns an option's text into a number from `least` to `greatest`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        if not (math.isfinite(value) and least <= value <= greatest):
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {greatest:g}")
        return value

    return parse


def add_snapshot(p: argparse.ArgumentParser) -> None:
    """Adds --snapshot, whose text is empty where it has no value; goes with `add_results`."""
    p.add_argument(
        "--snapshot", metavar="PATH", nargs="?", const="", required=True,
        help="a snapshot, or a run, whose newest is taken; without a value: the newest snapshot"
        " of the newest run in --results",
    )  # fmt: skip


def add_results(p: argparse.ArgumentParser) -> None:
    """Adds --results, the directory of the runs."""
    p.add_argument("--results", metavar="DIR", default="results", help="where runs are kept")


def add_psi(p: argparse.ArgumentParser) -> None:
    """Adds --psi, the truncation of latents."""
    p.add_argument(
        "--psi", metavar="X", type=number(0, 1), default=1.0,
        help="0 to 1: less than 1 moves all images towards a typical one, less varied and often"
        " better",
    )  # fmt: skip


def columns_and_rows(text: str) -> tuple[int, int]:
    """Turns an option's text such as `8x4` into (8, 4)."""
    match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if not match or int(match[1]) * int(match[2]) > _MOST_IN_GRID:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not columns x rows such as 8x4, of {_MOST_IN_GRID:,} images at most"
        )
    return int(match[1]), int(match[2])


def parse_seeds(text: str) -> list[int]:
    """Turns `1,5,7-9` into [1, 5, 7, 8, 9].

    Raises: UserError for anything else, or seeds that don't fit in 32 bits.
    """
    seeds = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not match:
            raise UserError(f"--seeds {text}: write numbers and ranges such as 0-99 or 1,5,7-9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last >= 2**32:
            raise UserError(f"--seeds {text}: ranges go up, to 4294967295 at most")
        if len(seeds) + last - first >= _MOST_IMAGES:
            raise UserError(f"--seeds {text}: more than ten million images")
        seeds.extend(range(first, last + 1))
    return seeds


class _HelpFormatter(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Keeps the layout of descriptions and examples, and shows each default."""

    def _get_help_string(self, action):
        if action.default is None or action.default is False or "default" in action.help:
            return action.help
        return super()._get_help_string(action)


def run(main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None):
    """Runs a command line and exits: 0, 1 with one line on an error, 130 on Ctrl-C."""
    program = os.path.basename(sys.argv[0])
    if spec := sys.modules["__main__"].__spec__:  # of a module that was started by `python -m`
        program = f"python -m {spec.name.removesuffix('.__main__')}"
    for stream in (sys.stdout, sys.stderr):  # a file's name may be no text
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = main(argv) or 0
        sys.stdout.flush()
    except UserError as error:
        code = _complain(program, str(error))
    except OSError as error:
        if error.errno is None:
            raise
        if error.errno == errno.EPIPE:  # whoever read the output has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        where = f": {error.filename}" if error.filename else ""
        code = _complain(program, f"{error.strerror}{where}")
    except Exception as error:
        if about := compiled.trouble(error):
            sys.exit(_complain(program, about))
        if type(error).__name__ not in _FILE_SYSTEM_ERRORS or not hasattr(error, "message"):
            raise
        code = _complain(program, (error.message or type(error).__name__).splitlines()[0])
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one has nothing left to end
        code = _complain(program, "interrupted", 130)
    sys.exit(code)


_FILE_SYSTEM_ERRORS = (
    "AlreadyExistsError", "FailedPreconditionError", "NotFoundError", "PermissionDeniedError",
    "UnauthenticatedError", "UnavailableError", "UnimplementedError",
)  # fmt: skip
"""What `tf.io.gfile` raises; by name, since TensorFlow may not be loaded."""


def _complain(program: str, message: str, code: int = 1) -> int:
    print(f"{program}: error: {message}", file=sys.stderr)
    return code
