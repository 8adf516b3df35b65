"""Commands that make the well-known data sets."""

import argparse

from pgan_tf import cli
from pgan_tf.data.commands.shared import RAW, add_create_command, print_done
from pgan_tf.data.making.emoji_groups import SUBSETS


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds this group's commands to the tool's subparsers."""
    _add_digit_commands(commands)
    _add_small_photo_commands(commands)
    _add_lsun_command(commands)
    _add_face_commands(commands)
    _add_celebahq_command(commands)
    _add_openmoji_command(commands)


# Handwritten digits.


def _add_digit_commands(commands: argparse._SubParsersAction) -> None:
    source = (
        "mnist_dir",
        "MNIST_DIR",
        "directory with train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz, packed or"
        " unpacked",
        f"{RAW}/mnist",
    )
    add_create_command(
        commands,
        _run_create_mnist,
        "Makes MNIST: 60,000 digits of 32x32, gray, with labels.",
        "\ndatasets/mnist ~/downloads/mnist",
        out="datasets/mnist",
        sources=[source],
        partial=True,
        workers=False,
    )
    parser = add_create_command(
        commands,
        _run_create_mnistrgb,
        "Makes RGB MNIST: images of three random digits each, a thousand modes.",
        "\ndatasets/mnistrgb ~/downloads/mnist --num_images 100000",
        out="datasets/mnistrgb",
        sources=[source],
        partial=True,
        workers=False,
    )
    parser.add_argument(
        "--num_images",
        type=cli.whole_number(),
        default=1_000_000,
        help="number of images to make",
    )
    parser.add_argument(
        "--random_seed",
        type=cli.whole_number(0, 2**32 - 1),
        default=123,
        help="seed for choosing the digits",
    )


def _run_create_mnist(path: str, mnist_dir: str, **options) -> None:
    from pgan_tf.data.making import mnist

    print_done(path, mnist.create(path, mnist_dir, **options))


def _run_create_mnistrgb(path: str, mnist_dir: str, **options) -> None:
    from pgan_tf.data.making import mnist

    print_done(path, mnist.create_rgb(path, mnist_dir, **options))


# Small photographs.


def _add_small_photo_commands(commands: argparse._SubParsersAction) -> None:
    for run, title, name, directory, files in (
        (
            _run_create_cifar10,
            "CIFAR-10: 50,000",
            "cifar10",
            "CIFAR10_DIR",
            "data_batch_1..5 or their tar.gz",
        ),
        (
            _run_create_cifar100,
            "CIFAR-100: 50,000",
            "cifar100",
            "CIFAR100_DIR",
            "the file train or its tar.gz",
        ),
        (_run_create_svhn, "SVHN: 73,257", "svhn", "SVHN_DIR", "train_1..3.pkl or train_32x32.mat"),
    ):
        add_create_command(
            commands,
            run,
            f"Makes {title} images of 32x32, RGB, with labels.",
            f"\ndatasets/{name} ~/downloads/{name}",
            out=f"datasets/{name}",
            sources=[
                (
                    "source_dir",
                    directory,
                    f"directory with {files}, or one of these files",
                    f"{RAW}/{name}",
                )
            ],
            partial=True,
            workers=False,
        )


def _run_create_cifar10(path: str, source_dir: str, **options) -> None:
    from pgan_tf.data.making import cifar

    print_done(path, cifar.create_cifar10(path, source_dir, **options))


def _run_create_cifar100(path: str, source_dir: str, **options) -> None:
    from pgan_tf.data.making import cifar

    print_done(path, cifar.create_cifar100(path, source_dir, **options))


def _run_create_svhn(path: str, source_dir: str, **options) -> None:
    from pgan_tf.data.making import svhn

    print_done(path, svhn.create(path, source_dir, **options))


# Photographs of one category.


def _add_lsun_command(commands: argparse._SubParsersAction) -> None:
    parser = add_create_command(
        commands,
        _run_create_lsun,
        "Makes a data set of an LSUN category, cropped to squares.",
        "\ndatasets/lsun-cat-100k ~/downloads/cat --resolution 256 --max_images 100000",
        out="datasets/lsun-bedroom",
        sources=[
            (
                "lmdb_dir",
                "LMDB_DIR",
                "directory of a category's database",
                f"{RAW}/lsun/bedroom_train_lmdb",
            )
        ],
    )
    parser.add_argument("--resolution", type=int, default=256, help="side in pixels, a power of 2")
    parser.add_argument(
        "--max_images", type=cli.whole_number(), metavar="N", help="stop after N images"
    )


def _run_create_lsun(path: str, lmdb_dir: str, **options) -> None:
    from pgan_tf.data.making import lsun

    count, bad = lsun.create(path, lmdb_dir, **options)
    if bad:
        print(f"{bad} entries can't be decoded and were left out")
    print_done(path, count)


# Faces.


def _add_face_commands(commands: argparse._SubParsersAction) -> None:
    parser = add_create_command(
        commands,
        _run_create_celeba,
        "Makes CelebA: 202,599 faces of 128x128.",
        "\ndatasets/celeba ~/downloads/celeba --cx 89 --cy 121",
        out="datasets/celeba",
        sources=[
            ("celeba_dir", "CELEBA_DIR", "directory with img_align_celeba_png", f"{RAW}/celeba")
        ],
        partial=True,
    )
    parser.add_argument(
        "--cx", type=int, default=89, help="pixels from the left to the middle of the square"
    )
    parser.add_argument(
        "--cy", type=int, default=121, help="pixels from the top to the middle of the square"
    )


def _run_create_celeba(path: str, celeba_dir: str, **options) -> None:
    from pgan_tf.data.making import celeba

    print_done(path, celeba.create(path, celeba_dir, **options))


def _add_celebahq_command(commands: argparse._SubParsersAction) -> None:
    parser = add_create_command(
        commands,
        _run_create_celebahq,
        "Makes CelebA-HQ: 30,000 faces of 1024x1024, from CelebA and the authors' deltas."
        " After an interruption the same command continues where it stopped.",
        "\ndatasets/celebahq ~/downloads/celeba ~/downloads/celebahq-deltas --workers 8",
        out="datasets/celebahq",
        sources=[
            ("celeba_dir", "CELEBA_DIR", "directory with img_celeba and Anno", f"{RAW}/celeba"),
            (
                "delta_dir",
                "DELTA_DIR",
                "directory with image_list.txt and deltas*.zip",
                f"{RAW}/celebahq-deltas",
            ),
        ],
        partial=True,
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first image whose md5 isn't the official one",
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
        help="has no effect; accepted for old command lines",
    )


def _run_create_celebahq(path: str, celeba_dir: str, delta_dir: str, **options) -> None:
    from pgan_tf.data.making.celebahq import create as celebahq

    del options["num_tasks"]
    celebahq.create(path, celeba_dir, delta_dir, **options)
    print_done(path)


# Drawn emoji.


def _add_openmoji_command(commands: argparse._SubParsersAction) -> None:
    parser = add_create_command(
        commands,
        _run_create_openmoji,
        "Makes a data set of OpenMoji's emoji drawings (CC BY-SA 4.0); needs no download.",
        "datasets/openmoji\ndatasets/openmoji-portraits --subset portraits\n"
        "datasets/faces --subset faces --resolution 128",
        out="datasets/openmoji",
    )
    parser.add_argument(
        "--resolution", type=int, default=64, help="side in pixels, a power of 2, at least 4"
    )
    parser.add_argument("--subset", choices=SUBSETS, default="all", help="which emoji to include")
    parser.add_argument(
        "--skin-tones", action="store_true", help="add people and hands in five skin tones"
    )


def _run_create_openmoji(path: str, **options) -> None:
    from pgan_tf.data.making import openmoji

    print_done(path, openmoji.create(path, **options))
