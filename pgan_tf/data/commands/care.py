"""Commands for existing data sets: info, verify, display, extract, compare."""

import argparse
import dataclasses
import json

from pgan_tf import cli
from pgan_tf.data.commands.shared import add_command, add_workers, print_done
from pgan_tf.errors import UserError


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds this group's commands to the tool's subparsers."""
    data_set = {"metavar": "DIR", "help": "the data set's directory"}

    parser = add_command(
        commands,
        _run_info,
        "Prints what a data set holds.",
        "datasets/openmoji",
    )
    parser.add_argument("path", **data_set)

    parser = add_command(
        commands,
        _run_verify,
        "Checks every record of a data set, and each level against the one above.",
        "datasets/openmoji",
    )
    parser.add_argument("path", **data_set)

    parser = add_command(
        commands,
        _run_display,
        "Shows a data set: in a window, or as a contact sheet where there is no screen.",
        "datasets/openmoji\ndatasets/openmoji --out sheet.png --grid 16x9",
    )
    parser.add_argument("path", **data_set)
    parser.add_argument("--out", metavar="FILE.png", help="write a contact sheet")
    parser.add_argument(
        "--grid",
        type=cli.columns_and_rows,
        default="16x9",
        metavar="WxH",
        help="columns and rows of the contact sheet",
    )
    parser.add_argument(
        "--resolution",
        type=int,
        help="level to show on the sheet (default: the full resolution, at most 128)",
    )

    parser = add_command(
        commands,
        _run_extract,
        "Writes the images of a data set as files, and its labels as dataset.json.",
        "datasets/openmoji emoji\ndatasets/openmoji emoji --format webp --resolution 32",
    )
    parser.add_argument("path", **data_set)
    parser.add_argument("out", metavar="OUT", help="a new or empty directory")
    parser.add_argument(
        "--format", dest="file_format", choices=("png", "webp"), default="png", help="both lossless"
    )
    parser.add_argument(
        "--resolution", type=int, help="level to extract (default: the full resolution)"
    )
    add_workers(parser)

    parser = add_command(
        commands,
        _run_compare,
        "Compares the images and labels of two data sets; the exit status is 1 if they differ.",
        "datasets/a datasets/b\ndatasets/a datasets/b --max-different 1 --json",
    )
    parser.add_argument("path_a", metavar="DIR_A", help="a data set's directory")
    parser.add_argument("path_b", metavar="DIR_B", help="the other data set's directory")
    parser.add_argument(
        "--ignore_labels",
        type=int,
        choices=(0, 1),
        nargs="?",
        const=1,
        default=0,
        help="1, or no number: compare the images only",
    )
    parser.add_argument(
        "--max-different",
        type=cli.whole_number(),
        metavar="N",
        help="stop after N different images",
    )
    parser.add_argument(
        "--json", dest="as_json", action="store_true", help="print the summary as JSON"
    )


def _run_info(path: str) -> None:
    from pgan_tf.data import storage
    from pgan_tf.data.inspecting import soundness

    size = storage.readable_size
    info = soundness.info(path)
    print(f"name       {info.name}")
    print(f"images     {info.num_images}")
    print(f"resolution {info.resolution}x{info.resolution}")
    print(f"channels   {info.num_channels}")
    print(f"size       {size(info.num_bytes)}")
    for resolution, (files, codec, num_bytes) in info.storage.items():
        kind = f", {codec}" if codec else ""
        parts = f", {files} files" if files > 1 else ""
        print(f"  level    {f'{resolution}x{resolution}':11s}{size(num_bytes)}{kind}{parts}")
    kind = f"{info.label_size} numbers per image, no classes" if info.label_size else "none"
    print(f"labels     {f'{info.label_size} classes' if info.classes else kind}")
    for number, (name, count) in enumerate(info.classes or ()):
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
        print(f"  {number:4d} {shown:20s} {count:8d}{'' if count else '  empty'}")


def _run_verify(path: str) -> None:
    from pgan_tf.data.inspecting import soundness

    inexact = soundness.verify(path)
    print(f"{path} is sound")
    if inexact:
        print(
            f"{inexact} images have a level that is within rounding of the mean, but not exactly"
            " equal: they were scaled in another way, or from a level that is missing now"
        )


def _run_display(path: str, out: str | None, grid: tuple[int, int], resolution: int | None) -> None:
    from pgan_tf.data import storage
    from pgan_tf.data.inspecting import display

    if out is None and display.show(path):
        return
    if out is None:
        out = f"{storage.split(path)[1]}.png"
        if storage.exists(out):
            raise UserError(f"there is no screen, and {out} exists; name another file with --out")
    count = display.contact_sheet(path, out, *grid, resolution)
    print_done(out, count)


def _run_extract(path: str, out: str, **options) -> None:
    from pgan_tf.data.inspecting import extract

    print_done(out, extract.extract(path, out, **options))


def _run_compare(as_json: bool, ignore_labels: int, **options) -> int:
    from pgan_tf.data.inspecting import compare

    result = compare.compare(ignore_labels=bool(ignore_labels), **options)
    summary = dataclasses.asdict(result) | {"identical": result.identical}
    if as_json:
        print(json.dumps(summary))
    else:
        for name, value in summary.items():
            print(f"{name:18s} {value}")
    return 130 if result.interrupted else int(not result.identical)
