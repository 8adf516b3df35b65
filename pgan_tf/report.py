"""Command line: writes a page that shows how a run went, or how several runs compare."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

if not __package__:  # `python pgan_tf/report.py`: the package's own directory would hide others
    sys.path[0] = str(Path(__file__).parents[1])

from pgan_tf import cli
from pgan_tf.data.storage import readable_size
from pgan_tf.errors import UserError
from pgan_tf.files import write_text
from pgan_tf.pages.embedding import LOSSLESS, Embedder
from pgan_tf.pages.page import build_page
from pgan_tf.pages.run_summary import is_finished, summarize
from pgan_tf.run import Run

EXAMPLES = """\
  python -m pgan_tf.report results/000-openmoji-fp32
  python -m pgan_tf.report results/000-openmoji-fp32 --watch --out watched.html
  python -m pgan_tf.report results/003-celeba results/004-celeba --pictures 20
"""
PICTURES, WIDTH, QUALITY = 60, 1280, 75
"""Defaults: pictures per run in a page, their greatest width in pixels, and WebP quality."""

_LOOK_EVERY = 5.0  # seconds


def parser() -> cli.Parser:
    """Returns the command line's parser."""
    p = cli.Parser(
        prog="python -m pgan_tf.report",
        description="Writes one HTML file that shows how a run went: its pictures, curves,"
        " throughput, options and what to do next. Several runs are shown side by side. The file"
        " loads nothing from the network, so you can send it to someone.",
        examples=EXAMPLES,
    )
    p.add_argument("runs", metavar="RUN", nargs="+", help="a run's directory")
    p.add_argument("--out", metavar="FILE", default="report.html", help="the page to write")
    p.add_argument(
        "--pictures", metavar="N", type=cli.whole_number(0), default=PICTURES,
        help="most pictures of each run; each resolution gets an equal share",
    )  # fmt: skip
    p.add_argument(
        "--picture-width", metavar="PIXELS", type=cli.whole_number(16, 16383), default=WIDTH,
        help="greatest width of a picture; wider ones are made smaller",
    )  # fmt: skip
    p.add_argument(
        "--quality", metavar="Q", type=cli.whole_number(1, LOSSLESS), default=QUALITY,
        help=f"quality of the pictures, 1 to {LOSSLESS}; {LOSSLESS} is lossless",
    )  # fmt: skip
    p.add_argument(
        "--watch", action="store_true",
        help="update the page when a run changes, until all runs are finished",
    )  # fmt: skip
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and writes the page."""
    args = parser().parse_args(argv)
    runs = [Run.open(path) for path in dict.fromkeys(args.runs)]
    embed = Embedder(args.picture_width, args.quality)
    if args.watch:
        watch(runs, args.out, args.pictures, embed)
    else:
        _say_size(write_report(runs, args.out, args.pictures, embed))


def write_report(
    runs: Sequence[Run],
    out: str | os.PathLike = "report.html",
    pictures: int = PICTURES,
    embed: Embedder | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Writes the page of one or more runs, atomically.

    Args:
      runs: the runs, finished or in progress.
      out: the HTML file to write.
      pictures: most pictures of fakes for each run; `embedding.choose` spreads them evenly over the
        resolutions.
      embed: turns pictures into data URIs; None: at most `WIDTH` pixels wide, at `QUALITY`.
      say: called with a message about each picture that is left out.
    Returns: `out`.
    Raises: UserError for a run without ticks and pictures, or with damaged options; OSError when
      the file can't be written.
    """
    embed = embed or Embedder(WIDTH, QUALITY)
    data = {"runs": [summarize(run, pictures, embed, say) for run in runs]}
    write_text(out, build_page("report", data, libraries=["uplot"]))
    return Path(out)


def watch(
    runs: Sequence[Run],
    out: str | os.PathLike,
    pictures: int = PICTURES,
    embed: Embedder | None = None,
    say: Callable[[str], None] = print,
    wait: Callable[[], None] = lambda: time.sleep(_LOOK_EVERY),
) -> None:
    """Writes the page now and whenever a run has changed, until all runs are finished.

    Waits for runs that have nothing to show yet.

    Args:
      runs, out, pictures, embed, say: see `write_report`.
      wait: called between two checks of the runs.
    Raises: UserError when a run is gone; other errors as `write_report`.
    """
    embed = embed or Embedder(WIDTH, QUALITY)
    seen, waits = None, False
    while True:
        state = [_state_of(run, Path(out)) for run in runs]
        if state != seen:
            seen = state
            if all(run.ticks or run.pictures for run in runs):
                _say_size(write_report(runs, out, pictures, embed, say), say)
            elif not waits:
                waits = True
                say("waiting for the first tick")
        if all(is_finished(run) for run in runs):
            return
        wait()


def _state_of(run: Run, out: Path) -> dict[str, tuple[int, int]]:
    """Returns the time and size of each file of a run, which show whether it has changed.

    Args:
      run: the run.
      out: the page, which is left out if it is in the run's directory.
    Raises: UserError when the run is gone.
    """
    files = {}
    try:
        for entry in os.scandir(run.path):
            is_page = entry.name == out.name and os.path.abspath(entry) == os.path.abspath(out)
            if not entry.name.startswith(".") and not is_page:
                stat = entry.stat()
                files[entry.name] = (stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError:
        if not run.path.is_dir():
            raise UserError(f"{run.path} is gone and can't be watched any longer") from None
    return files


def _say_size(path: Path, say: Callable[[str], None] = print) -> None:
    say(f"{path}: {readable_size(path.stat().st_size)}")


if __name__ == "__main__":
    cli.run(main)
