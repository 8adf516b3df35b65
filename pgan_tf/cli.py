"""Shared parts of the command lines: suggestions, one-line errors, exit statuses."""

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
    """ArgumentParser that suggests the nearest option or command and keeps errors to one line.

    Options can't be abbreviated, so that new options never make an old script ambiguous.

    Args:
      examples: command lines to print at the end of the help text.
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
            kind = "command" if isinstance(action, argparse._SubParsersAction) else "value"
            raise argparse.ArgumentError(
                None if kind == "command" else action,
                f"unknown {kind} {value!r}{nearest(str(value), choices)};"
                f" choose from {', '.join(choices)}",
            )

    def error(self, message: str) -> NoReturn:
        if "required" in message:  # the missing option may be one that was misspelt
            options = [a for a in self._given if a.startswith("--") and len(a) > 2]
            unknown = [a for a in options if a.split("=")[0] not in self._option_string_actions]
            message = self._unknown(unknown[0]) if unknown else message
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def whole_number(least: int = 1, greatest: int | None = None) -> Callable[[str], int]:
    """Returns a parser of whole numbers from `least` to `greatest`, for an option's `type`.

    Args:
      least: the smallest number allowed.
      greatest: the largest number allowed; None: no limit.
    """

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if greatest is None and value < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        if greatest is not None and not least <= value <= greatest:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {greatest}")
        return value

    return parse


def number(least: float, greatest: float) -> Callable[[str], float]:
    """Returns a parser of numbers from `least` to `greatest`, for an option's `type`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not (math.isfinite(value) and least <= value <= greatest):
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {greatest:g}")
        return value

    return parse


def add_snapshot(p: argparse.ArgumentParser) -> None:
    """Adds --snapshot, which is "" when typed without a value; use with `add_results`."""
    p.add_argument(
        "--snapshot", metavar="PATH", nargs="?", const="", required=True,
        help="a snapshot, or a run, to use its newest snapshot; without a value: the newest"
        " snapshot of the newest run in --results",
    )  # fmt: skip


def add_results(p: argparse.ArgumentParser) -> None:
    """Adds --results, the directory of runs."""
    p.add_argument("--results", metavar="DIR", default="results", help="the directory of runs")


def add_psi(p: argparse.ArgumentParser) -> None:
    """Adds --psi, the truncation of latents."""
    p.add_argument(
        "--psi", metavar="X", type=number(0, 1), default=1.0,
        help="truncation, 0 to 1: below 1, all images move towards a typical one; they vary less"
        " and often look better",
    )  # fmt: skip


def columns_and_rows(text: str) -> tuple[int, int]:
    """Parses an option's text such as `8x4` into (8, 4)."""
    match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if not match or int(match[1]) * int(match[2]) > _MOST_IN_GRID:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a grid such as 8x4 (columns x rows), of at most {_MOST_IN_GRID:,}"
            " images"
        )
    return int(match[1]), int(match[2])


def parse_seeds(text: str) -> list[int]:
    """Parses `1,5,7-9` into [1, 5, 7, 8, 9].

    Raises: UserError for other text, seeds that don't fit in 32 bits, or more than ten million
      seeds.
    """
    seeds = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if not match:
            raise UserError(f"--seeds {text}: write numbers and ranges such as 0-99 or 1,5,7-9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last >= 2**32:
            raise UserError(f"--seeds {text}: ranges must go up, to 4294967295 at most")
        if len(seeds) + last - first >= _MOST_IMAGES:
            raise UserError(f"--seeds {text}: ask for at most ten million images")
        seeds.extend(range(first, last + 1))
    return seeds


class _HelpFormatter(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Keeps the layout of descriptions and examples, and shows each default."""

    def _get_help_string(self, action):
        if action.default is None or action.default is False or "default" in action.help:
            return action.help
        return super()._get_help_string(action)


def run(main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None):
    """Runs a command line and exits: status 0, 1 after a one-line error, or 130 after Ctrl-C."""
    program = os.path.basename(sys.argv[0])
    if spec := sys.modules["__main__"].__spec__:  # the module was started by `python -m`
        program = f"python -m {spec.name.removesuffix('.__main__')}"
    for stream in (sys.stdout, sys.stderr):  # file names may hold bytes that aren't text
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
        if error.errno == errno.EPIPE:  # the reader of the output has closed the pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        where = f": {error.filename}" if error.filename else ""
        code = _complain(program, f"{error.strerror}{where}")
    except Exception as error:
        if message := compiled.trouble(error):
            sys.exit(_complain(program, message))
        if type(error).__name__ not in _FILE_SYSTEM_ERRORS or not hasattr(error, "message"):
            raise
        code = _complain(program, (error.message or type(error).__name__).splitlines()[0])
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ignores a second Ctrl-C during the exit
        code = _complain(program, "interrupted", 130)
    sys.exit(code)


_FILE_SYSTEM_ERRORS = (
    "AlreadyExistsError", "FailedPreconditionError", "NotFoundError", "PermissionDeniedError",
    "UnauthenticatedError", "UnavailableError", "UnimplementedError",
)  # fmt: skip
"""Names of the errors that `tf.io.gfile` raises; names, since TensorFlow may not be loaded."""


def _complain(program: str, message: str, code: int = 1) -> int:
    print(f"{program}: error: {message}", file=sys.stderr)
    return code
