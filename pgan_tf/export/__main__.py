"""Command line: exports networks to other programs' formats."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

if not __package__:  # `python pgan_tf/export`: the package's own directory would hide others
    sys.path[0] = str(Path(__file__).parents[2])

from pgan_tf import cli, devices
from pgan_tf.export import FORMATS, Format, export

PROGRAM = "python -m pgan_tf.export"
EXAMPLES = """\
  python -m pgan_tf.export onnx --snapshot --out Gs.onnx
  python -m pgan_tf.export litert --snapshot results/000-openmoji-fp32 --float16 --out Gs.tflite
  python -m pgan_tf.export keras --snapshot network-snapshot-012000.npz --lod 1 --out Gs.keras
  python -m pgan_tf.export savedmodel --snapshot --network D --out D
  python -m pgan_tf.export web --snapshot --out page
"""


def parser() -> cli.Parser:
    """Returns the command line's parser, with a command for each of `FORMATS` and for `web`."""
    p = cli.Parser(
        prog=PROGRAM,
        description="Writes a trained network in a format that other programs run. Gs and G turn"
        " latents and labels into images, D turns images into scores and class logits. The batch"
        " size is free.",
        examples=EXAMPLES,
    )
    commands = p.add_subparsers(dest="command", required=True, metavar="FORMAT")
    for format in FORMATS.values():
        add_format(commands, format)
    add_web(commands)
    return p


def add_format(commands: argparse._SubParsersAction, format: Format) -> None:
    """Adds a format's command."""
    name, out = f"{format.name} --snapshot", f"Gs{format.ending}"
    p = commands.add_parser(
        format.name, help=format.summary, description=format.summary + ".",
        examples=f"  {PROGRAM} {name} --out {out}\n"
        f"  {PROGRAM} {name} results/000-openmoji-fp32 --uint8 --out {out}\n",
    )  # fmt: skip
    cli.add_snapshot(p)
    cli.add_results(p)
    kind = f"file to write, *{format.ending}" if format.ending else "directory to write"
    p.add_argument("--out", metavar="PATH", required=True, help=kind)
    p.add_argument("--network", choices=["Gs", "G", "D"], default="Gs", help="network to export")
    p.add_argument(
        "--lod", type=float, metavar="LOD",
        help="level of detail: 0 is the full resolution, 1 half of it; a fraction blends two"
        " resolutions (default: the snapshot's own)",
    )  # fmt: skip
    p.add_argument("--uint8", action="store_true", help="images are 0 to 255 instead of -1 to 1")
    p.add_argument(
        "--layout", choices=["NHWC", "NCHW"], default="NHWC", help="order of the images' axes"
    )
    p.add_argument(
        "--float16", action="store_true", help="weights in half precision, half as large"
    )
    p.add_argument("--force", action="store_true", help="replace an earlier export at --out")
    p.set_defaults(run=_export)


def add_web(commands: argparse._SubParsersAction) -> None:
    """Adds the command that writes a web page in which a browser runs the generator."""
    summary = "a web page that makes images in any browser, without a server or a connection"
    p = commands.add_parser(
        "web", help=summary, description=f"Writes {summary}.",
        examples=f"  {PROGRAM} web --snapshot --out page\n"
        f"  {PROGRAM} web --snapshot results/000-openmoji-fp32 --float16 --out page.html\n",
    )  # fmt: skip
    cli.add_snapshot(p)
    cli.add_results(p)
    p.add_argument(
        "--out", metavar="PATH", required=True,
        help="directory for index.html and two scripts, or a name that ends in .html for one file",
    )  # fmt: skip
    p.add_argument(
        "--float16", action="store_true", help="weights in half precision, half as large"
    )
    p.add_argument("--force", action="store_true", help="replace an earlier page at --out")
    p.add_argument(
        "--webgpu", action="store_true",
        help="use a GPU where the browser has one; the page is 3.9 MB larger",
    )  # fmt: skip
    p.set_defaults(run=_export_web)


def _export(args: argparse.Namespace) -> None:
    devices.load_tensorflow()
    print(
        export(
            args.snapshot or args.results, args.out, args.command, args.force,
            network=args.network, lod=args.lod, uint8=args.uint8, layout=args.layout,
            float16=args.float16,
        )
    )  # fmt: skip


def _export_web(args: argparse.Namespace) -> None:
    devices.load_tensorflow()
    from pgan_tf.export.web import export_web

    print(
        export_web(
            args.snapshot or args.results, args.out, args.float16, args.force, args.webgpu
        )
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Parses the command line and runs the command that it names."""
    args = parser().parse_args(argv)
    args.run(args)


if __name__ == "__main__":
    cli.run(main)
