"""Makes data sets, checks them, shows them. `python dataset_tool.py --help` lists the commands."""

import argparse
import dataclasses
import json
from collections.abc import Callable, Sequence

from pgan_tf import cli
from pgan_tf.data.making.emoji_groups import SUBSETS
from pgan_tf.errors import UserError

_EXAMPLES = """\
  python dataset_tool.py create_openmoji datasets/openmoji
  python dataset_tool.py create_from_images datasets/mine ~/photos --resolution 256 --crop center
  python dataset_tool.py verify datasets/mine
"""
_RAW = "datasets/raw"  # where commands look for what they convert, unless told


def main(argv: Sequence[str] | None = None) -> int | None:
    """Runs one command."""
    parser = cli.Parser(
        description="Makes, checks and shows data sets for progressive GANs.", examples=_EXAMPLES
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _add_care_commands,
        _add_digit_commands,
        _add_small_photo_commands,
        _add_lsun_command,
        _add_face_commands,
        _add_celebahq_command,
        _add_file_commands,
        _add_openmoji_command,
    ):
        add(commands)
    arguments = vars(parser.parse_args(argv))
    del arguments["command"]
    return arguments.pop("run")(**arguments)


def _command(
    commands: argparse._SubParsersAction, run: Callable[..., int | None], text: str, examples: str
) -> cli.Parser:
    """Adds the command that `run` is named after."""
    name = run.__name__.removeprefix("_run_")
    lines = "\n".join(f"  python dataset_tool.py {name} {x}".rstrip() for x in examples.split("\n"))
    parser = commands.add_parser(name, help=text, description=text, examples=lines)
    parser.set_defaults(run=run)
    return parser


def _create_command(
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

    out: default of OUT. sources: (destination, name, help, default) of what it converts.
    """
    parser = _command(commands, run, text, examples)
    positional = [("path", "OUT", "directory to make", out), *sources]
    for destination, name, help_text, default in positional:
        nargs = "?" if default else None
        parser.add_argument(destination, metavar=name, nargs=nargs, default=default, help=help_text)
    parser.add_argument("--force", action="store_true", help="replace an existing data set")
    if workers:
        _add_workers(parser)
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


def _add_workers(parser: cli.Parser) -> None:
    parser.add_argument(
        "--workers",
        type=cli.whole_number(),
        metavar="N",
        help="processes that share the work (default: one a processor)",
    )


def _add_shuffle(parser: cli.Parser) -> None:
    parser.add_argument(
        "--shuffle", type=int, choices=(0, 1), default=1, help="records in random order, or as read"
    )


def _color(text: str) -> str:
    """An option's value that must be a colour."""
    from PIL import ImageColor

    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a colour's name nor #rrggbb"
        ) from None
    return text


def _done(path: str, num_images: int | None = None) -> None:
    images = "" if num_images is None else f"{num_images} images in "
    print(f"{images}{path}")


# Looking after data sets.


def _add_care_commands(commands: argparse._SubParsersAction) -> None:
    data_set = {"metavar": "DIR", "help": "the data set's directory"}

    parser = _command(
        commands,
        _run_info,
        "Prints what a data set holds.",
        "datasets/openmoji",
    )
    parser.add_argument("path", **data_set)

    parser = _command(
        commands,
        _run_verify,
        "Checks every record of a data set, and each level against the one above.",
        "datasets/openmoji",
    )
    parser.add_argument("path", **data_set)

    parser = _command(
        commands,
        _run_display,
        "Shows a data set: in a window, or as a contact sheet where there is no screen.",
        "datasets/openmoji\ndatasets/openmoji --out sheet.png --grid 16x9",
    )
    parser.add_argument("path", **data_set)
    parser.add_argument("--out", metavar="FILE.png", help="write a contact sheet")
    parser.add_argument(
        "--grid", type=cli.columns_and_rows, default="16x9", metavar="WxH", help="of the sheet"
    )
    parser.add_argument(
        "--resolution", type=int, help="level on the sheet (default: the full one, at most 128)"
    )

    parser = _command(
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
    parser.add_argument("--resolution", type=int, help="level (default: the full one)")
    _add_workers(parser)

    parser = _command(
        commands,
        _run_compare,
        "Compares the images and labels of two data sets; the exit status is 1 if they differ.",
        "datasets/a datasets/b\ndatasets/a datasets/b --max-different 1 --json",
    )
    parser.add_argument("path_a", metavar="DIR_A", help="a data set's directory")
    parser.add_argument("path_b", metavar="DIR_B", help="another's")
    parser.add_argument(
        "--ignore_labels",
        type=int,
        choices=(0, 1),
        nargs="?",
        const=1,
        default=0,
        help="1, or alone: images only",
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
    kind = f"{info.label_size} numbers an image" if info.label_size else "none"
    print(f"labels     {f'{info.label_size} classes' if info.classes else kind}")
    for name, count in info.classes or ():
        print(f"  {name:20s} {count:8d}")


def _run_verify(path: str) -> None:
    from pgan_tf.data.inspecting import soundness

    inexact = soundness.verify(path)
    print(f"{path} is sound")
    if inexact:
        print(
            f"{inexact} images have a level that is within rounding, but not exactly the mean: they"
            " were made otherwise, or from a level that is missing now"
        )


def _run_display(path: str, out: str | None, grid: tuple[int, int], resolution: int | None) -> None:
    from pgan_tf.data import storage
    from pgan_tf.data.inspecting import display

    if out is None and display.show(path):
        return
    if out is None:
        out = f"{storage.split(path)[1]}.png"
        if storage.exists(out):
            raise UserError(f"no screen here, and {out} exists; name a file with --out")
    count = display.contact_sheet(path, out, *grid, resolution)
    _done(out, count)


def _run_extract(path: str, out: str, **options) -> None:
    from pgan_tf.data.inspecting import extract

    _done(out, extract.extract(path, out, **options))


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


# Handwritten digits.


def _add_digit_commands(commands: argparse._SubParsersAction) -> None:
    source = (
        "mnist_dir",
        "MNIST_DIR",
        "holds train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz",
        f"{_RAW}/mnist",
    )
    _create_command(
        commands,
        _run_create_mnist,
        "Makes MNIST: 60,000 digits of 32x32, gray, with labels.",
        "\ndatasets/mnist ~/downloads/mnist",
        out="datasets/mnist",
        sources=[source],
        partial=True,
        workers=False,
    )
    parser = _create_command(
        commands,
        _run_create_mnistrgb,
        "Makes RGB MNIST: three random digits an image, a thousand modes.",
        "\ndatasets/mnistrgb ~/downloads/mnist --num_images 100000",
        out="datasets/mnistrgb",
        sources=[source],
        partial=True,
        workers=False,
    )
    parser.add_argument(
        "--num_images", type=cli.whole_number(), default=1_000_000, help="how many to make"
    )
    parser.add_argument(
        "--random_seed",
        type=cli.whole_number(0, 2**32 - 1),
        default=123,
        help="of the choice of digits",
    )


def _run_create_mnist(path: str, mnist_dir: str, **options) -> None:
    from pgan_tf.data.making import mnist

    _done(path, mnist.create(path, mnist_dir, **options))


def _run_create_mnistrgb(path: str, mnist_dir: str, **options) -> None:
    from pgan_tf.data.making import mnist

    _done(path, mnist.create_rgb(path, mnist_dir, **options))


# Small photographs.


def _add_small_photo_commands(commands: argparse._SubParsersAction) -> None:
    for run, title, name, directory, holds in (
        (_run_create_cifar10, "CIFAR-10: 50,000", "cifar10", "CIFAR10_DIR", "data_batch_1..5"),
        (_run_create_cifar100, "CIFAR-100: 50,000", "cifar100", "CIFAR100_DIR", "the file train"),
        (_run_create_svhn, "SVHN: 73,257", "svhn", "SVHN_DIR", "train_1..3.pkl or train_32x32.mat"),
    ):
        _create_command(
            commands,
            run,
            f"Makes {title} images of 32x32, RGB, with labels.",
            f"\ndatasets/{name} ~/downloads/{name}",
            out=f"datasets/{name}",
            sources=[("source_dir", directory, f"holds {holds}", f"{_RAW}/{name}")],
            partial=True,
            workers=False,
        )


def _run_create_cifar10(path: str, source_dir: str, **options) -> None:
    from pgan_tf.data.making import cifar

    _done(path, cifar.create_cifar10(path, source_dir, **options))


def _run_create_cifar100(path: str, source_dir: str, **options) -> None:
    from pgan_tf.data.making import cifar

    _done(path, cifar.create_cifar100(path, source_dir, **options))


def _run_create_svhn(path: str, source_dir: str, **options) -> None:
    from pgan_tf.data.making import svhn

    _done(path, svhn.create(path, source_dir, **options))


# Photographs of one category.


def _add_lsun_command(commands: argparse._SubParsersAction) -> None:
    parser = _create_command(
        commands,
        _run_create_lsun,
        "Makes an LSUN category, cut to squares.",
        "\ndatasets/lsun-cat-100k ~/downloads/cat --resolution 256 --max_images 100000",
        out="datasets/lsun-bedroom",
        sources=[
            ("lmdb_dir", "LMDB_DIR", "database of a category", f"{_RAW}/lsun/bedroom_train_lmdb")
        ],
    )
    parser.add_argument("--resolution", type=int, default=256, help="power of two")
    parser.add_argument(
        "--max_images", type=cli.whole_number(), metavar="N", help="stop after N images"
    )


def _run_create_lsun(path: str, lmdb_dir: str, **options) -> None:
    from pgan_tf.data.making import lsun

    count, bad = lsun.create(path, lmdb_dir, **options)
    if bad:
        print(f"{bad} entries can't be decoded and were left out")
    _done(path, count)


# Faces.


def _add_face_commands(commands: argparse._SubParsersAction) -> None:
    parser = _create_command(
        commands,
        _run_create_celeba,
        "Makes CelebA: 202,599 faces of 128x128.",
        "\ndatasets/celeba ~/downloads/celeba --cx 89 --cy 121",
        out="datasets/celeba",
        sources=[("celeba_dir", "CELEBA_DIR", "holds img_align_celeba_png", f"{_RAW}/celeba")],
        partial=True,
    )
    parser.add_argument("--cx", type=int, default=89, help="middle of the square, from the left")
    parser.add_argument("--cy", type=int, default=121, help="middle of the square, from the top")


def _run_create_celeba(path: str, celeba_dir: str, **options) -> None:
    from pgan_tf.data.making import celeba

    _done(path, celeba.create(path, celeba_dir, **options))


def _add_celebahq_command(commands: argparse._SubParsersAction) -> None:
    parser = _create_command(
        commands,
        _run_create_celebahq,
        "Makes CelebA-HQ: 30,000 faces of 1024x1024, from CelebA and the deltas of the authors."
        " Interrupted, it goes on where it was when it is started again.",
        "\ndatasets/celebahq ~/downloads/celeba ~/downloads/celebahq-deltas --workers 8",
        out="datasets/celebahq",
        sources=[
            ("celeba_dir", "CELEBA_DIR", "holds img_celeba and Anno", f"{_RAW}/celeba"),
            ("delta_dir", "DELTA_DIR", "image_list.txt and deltas*.zip", f"{_RAW}/celebahq-deltas"),
        ],
        partial=True,
    )
    parser.add_argument(
        "--strict", action="store_true", help="stop at an image whose md5 isn't the official one"
    )
    parser.add_argument(
        "--num_threads",
        type=cli.whole_number(),
        dest="workers",
        metavar="N",
        help="old name of --workers",
    )
    parser.add_argument(
        "--num_tasks",
        type=cli.whole_number(),
        metavar="N",
        help="without effect; for old command lines",
    )


def _run_create_celebahq(path: str, celeba_dir: str, delta_dir: str, **options) -> None:
    from pgan_tf.data.making.celebahq import create as celebahq

    del options["num_tasks"]
    celebahq.create(path, celeba_dir, delta_dir, **options)
    _done(path)


# Files of any origin.


def _add_file_commands(commands: argparse._SubParsersAction) -> None:
    parser = _create_command(
        commands,
        _run_create_from_images,
        "Makes a data set of your own images: a directory tree or a zip file of PNG, JPEG, WebP,"
        " BMP or TIFF. Everything is checked before anything is written.",
        "datasets/mine ~/photos --resolution 256 --crop center\n"
        "datasets/mine photos.zip --resolution 128 --pad --background gray --labels folders",
        sources=[("image_dir", "IMAGES", "directory or zip file", None)],
    )
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
        type=_color,
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

    parser = _create_command(
        commands,
        _run_create_from_hdf5,
        "Makes a data set of an HDF5 file of the Theano version.",
        "datasets/mine mine.h5",
        sources=[("hdf5_file", "FILE", "holds arrays data4x4, data8x8, ...", None)],
    )
    _add_shuffle(parser)


def _run_create_from_images(path: str, image_dir: str, shuffle: int, **options) -> None:
    from pgan_tf.data.making import images
    from pgan_tf.data.pictures.imagefile import Preparation

    names = [field.name for field in dataclasses.fields(Preparation)]
    preparation = Preparation(**{name: options.pop(name) for name in names})
    options |= {"shuffle": bool(shuffle), "preparation": preparation}
    _done(path, images.create(path, image_dir, **options))


def _run_create_from_hdf5(path: str, hdf5_file: str, shuffle: int, **options) -> None:
    from pgan_tf.data.making import hdf5

    _done(path, hdf5.create(path, hdf5_file, shuffle=bool(shuffle), **options))


# Drawn emoji.


def _add_openmoji_command(commands: argparse._SubParsersAction) -> None:
    parser = _create_command(
        commands,
        _run_create_openmoji,
        "Renders the drawn emoji of OpenMoji (CC BY-SA 4.0); needs no download.",
        "datasets/openmoji\n"
        "datasets/openmoji-portraits --subset portraits\n"
        "datasets/faces --subset faces --resolution 128",
        out="datasets/openmoji",
    )
    parser.add_argument("--resolution", type=int, default=64, help="power of two, from 4 on")
    parser.add_argument(
        "--subset",
        choices=SUBSETS,
        default="all",
        help="which emoji; portraits are people's heads and shoulders, in all skin tones",
    )
    parser.add_argument(
        "--skin-tones", action="store_true", help="also people and hands in five skin tones"
    )


def _run_create_openmoji(path: str, **options) -> None:
    from pgan_tf.data.making import openmoji

    _done(path, openmoji.create(path, **options))


if __name__ == "__main__":
    cli.run(main)
