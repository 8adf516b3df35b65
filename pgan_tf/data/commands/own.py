"""Commands that make data sets from the user's own files."""

import argparse
import dataclasses

from pgan_tf import cli
from pgan_tf.data.commands.shared import add_create_command, add_shuffle, print_done


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds this group's commands to the tool's subparsers."""
    parser = add_create_command(
        commands,
        _run_create_from_images,
        "Makes a data set from your own images: a directory tree or a zip file of PNG, JPEG, WebP,"
        " GIF, AVIF, TIFF or other formats that Pillow reads. All files are checked before anything"
        " is written.",
        "datasets/mine ~/photos --resolution 256 --crop center\n"
        "datasets/mine photos.zip --resolution 128 --pad --background gray --labels folders",
        sources=[("image_dir", "IMAGES", "directory or zip file", None)],
    )
    add_shuffle(parser)
    parser.add_argument(
        "--resolution", type=int, help="resize to this power of two (default: the images' size)"
    )
    parser.add_argument(
        "--crop", choices=("center", "none"), default="none", help="cut out the largest square"
    )
    parser.add_argument("--pad", action="store_true", help="extend the images to squares")
    parser.add_argument(
        "--resize", choices=("lanczos", "box"), default="lanczos", help="filter for resizing"
    )
    parser.add_argument(
        "--channels", type=int, choices=(1, 3), help="1: gray, 3: RGB (default: as the images are)"
    )
    parser.add_argument(
        "--background",
        type=_color,
        default="white",
        metavar="COLOR",
        help="colour behind transparent pixels and around padded images: a name or #rrggbb",
    )
    parser.add_argument(
        "--white",
        type=cli.whole_number(1, 65535),
        default=65535,
        metavar="N",
        help="value that becomes white in 16-bit gray images: 4095 for 12-bit data",
    )
    parser.add_argument(
        "--labels",
        metavar="folders|FILE",
        help="take classes from the topmost folders, or labels from a file in IMAGES or elsewhere:"
        ' JSON, {"labels": [["name.png", 0], ...]} or {"name.png": 0, ...}, or lines name,class',
    )
    parser.add_argument(
        "--skip-bad", action="store_true", help="leave out files that can't be used"
    )

    parser = add_create_command(
        commands,
        _run_create_from_hdf5,
        "Makes a data set from an HDF5 file of the Theano version.",
        "datasets/mine mine.h5",
        sources=[("hdf5_file", "FILE", "HDF5 file with arrays data4x4, data8x8, ...", None)],
    )
    add_shuffle(parser)


def _run_create_from_images(path: str, image_dir: str, shuffle: int, **options) -> None:
    from pgan_tf.data.making import images
    from pgan_tf.data.pictures.imagefile import Preparation

    names = [field.name for field in dataclasses.fields(Preparation)]
    preparation = Preparation(**{name: options.pop(name) for name in names})
    options |= {"shuffle": bool(shuffle), "preparation": preparation}
    made = images.create(path, image_dir, **options)
    left_out = made.left_out()
    print(f"{made.num_images} images in {path}" + (f"; left out: {left_out}" if left_out else ""))


def _run_create_from_hdf5(path: str, hdf5_file: str, shuffle: int, **options) -> None:
    from pgan_tf.data.making import hdf5

    print_done(path, hdf5.create(path, hdf5_file, shuffle=bool(shuffle), **options))


def _color(text: str) -> str:
    """Returns an option's value if it is a colour. Raises: ArgumentTypeError."""
    from PIL import ImageColor

    try:
        ImageColor.getrgb(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither the name of a colour nor #rrggbb"
        ) from None
    return text
