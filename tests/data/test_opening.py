"""Advice for paths that are no data set: each printed command is run as it is printed."""

import os
import re
import shlex
import shutil
import tarfile
import zipfile
from pathlib import Path

import made_up
import numpy as np
import pytest
from made_up import noise, write_dataset

import dataset_tool
from pgan_tf import train
from pgan_tf.config import DataOptions
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.opening import open_dataset
from pgan_tf.errors import UserError

RANDOM = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Changes to a user's directory, with datasets/mine in it."""
    monkeypatch.chdir(tmp_path)
    write_dataset("datasets/mine", noise(5, 8))


def complaint(path, **options):
    """Returns the line with which training refuses a path."""
    with pytest.raises(UserError) as caught:
        open_dataset(DataOptions(path=str(path), **options))
    message = str(caught.value)
    assert "\n" not in message
    return message


def run_advice(message):
    """Runs a message's commands as they are printed; returns the data set to train on."""
    making, _, training = message.rpartition("; then: ")
    if making:
        name, *arguments = shlex.split(making.rsplit(" with: ", 1)[1])
        assert name == "python"
        if arguments[0] == "dataset_tool.py":
            assert not dataset_tool.main(arguments[1:])
        elif arguments[:2] == ["-m", "zipfile"]:
            zipfile.main(arguments[2:])
        else:
            raise AssertionError(arguments)
    else:
        training = message.rsplit("did you mean: ", 1)[1]
    *program, option, path = shlex.split(training)
    assert program == ["python", "-m", "pgan_tf.train"] and option == "--data-dir"
    return open_dataset(DataOptions(path=path))


def pictures(folder, sizes):
    Path(folder).mkdir(parents=True, exist_ok=True)
    for i, (width, height) in enumerate(sizes):
        made_up.save_png(Path(folder) / f"{i}.png", RANDOM.randint(0, 256, (height, width, 3)))


@pytest.mark.parametrize(
    "sizes, options, resolution",
    [
        ([(16, 16)] * 3, "", 16),
        ([(48, 48)] * 3, " --resolution 32", 32),
        ([(16, 16), (32, 32), (64, 64)], " --resolution 32", 32),
        ([(70, 50), (50, 71), (53, 52)], " --resolution 32 --crop center", 32),
    ],
)
def test_advice_for_a_folder_of_pictures_works(sizes, options, resolution):
    pictures("my photos/deep", sizes)
    message = complaint("my photos")
    command = "python dataset_tool.py create_from_images datasets/my_photos 'my photos'"
    assert "3 pictures" in message and f"{command}{options}; then" in message
    assert run_advice(message).resolution == resolution
    # The same path again: the message names the data set that was made.
    assert complaint("my photos").endswith("did you mean: python -m pgan_tf.train --data-dir"
                                           " datasets/my_photos")  # fmt: skip


@pytest.mark.parametrize("extra", ["IMG_1.HEIC", "cut.png", "README"])
def test_advice_for_pictures_with_bad_files_skips_them(extra):
    pictures("photos", [(16, 16)] * 3)
    (Path("photos") / extra).write_bytes(b"no picture")
    message = complaint("photos")
    assert "--skip-bad" in message
    assert run_advice(message).num_images == 3


def test_advice_never_replaces_pictures_in_the_data_sets_place():
    """A user's pictures must never be replaced."""
    pictures("datasets/flowers", [(16, 16)] * 3)
    for message in (complaint("datasets/flowers"), complaint(Path("datasets/flowers").resolve())):
        assert "--force" not in message
        assert run_advice(message).num_images == 3
        assert len(os.listdir("datasets/flowers")) == 3
        shutil.rmtree("datasets/flowers-2")
    with pytest.raises(UserError, match=r"create_from_images datasets/flowers-2 datasets/flowers$"):
        Dataset("datasets/flowers")


def test_advice_for_a_zip_file_of_pictures_works():
    pictures("photos", [(16, 16)] * 3)
    with zipfile.ZipFile("some photos.zip", "w") as archive:
        for file in Path("photos").iterdir():
            archive.write(file)
    assert run_advice(complaint("some photos.zip")).name == "some_photos"


@pytest.mark.parametrize("folder", ["set", ""])
def test_advice_for_a_zipped_data_set_works(folder):
    with zipfile.ZipFile("set.zip", "w") as archive:
        for file in Path("datasets/mine").iterdir():
            archive.write(file, Path(folder) / file.name)
    message = complaint("set.zip")
    assert "is a zip file of a data set; unpack it with: python -m zipfile -e set.zip" in message
    assert run_advice(message).num_images == 5


@pytest.mark.parametrize(
    "path, what",
    [
        ("datasets", "one level below"),
        ("datasets/mine/8x8", "does not exist"),
        ("datasets/mine/sub", "is inside a data set"),
        ("datasets/mine/mine-r03.tfrecords", "is a file of a data set"),
        ("datasets/mien", "does not exist"),
        ("dataset/mine", "does not exist"),
        ("mine", "does not exist"),
    ],
)
@pytest.mark.parametrize("absolute", [False, True])
def test_a_nearby_data_set_is_suggested(path, what, absolute):
    Path("datasets/mine/sub").mkdir()
    message = complaint(Path(path).absolute() if absolute else path)
    assert what in message
    assert run_advice(message).num_images == 5


def test_several_data_sets_below_are_listed():
    write_dataset("datasets/yours", noise(5, 8))
    assert "but 2 data sets; name one: datasets/mine, datasets/yours" in complaint("datasets")


@pytest.mark.parametrize("path", ["digits", "digits/raw", "digits/raw/train-images-idx3-ubyte.gz"])
def test_advice_for_mnist_files_works(path):
    Path("digits/raw").mkdir(parents=True)
    made_up.mnist(Path("digits/raw"), count=20)
    message = complaint(path)
    assert "create_mnist datasets/mnist" in message
    assert run_advice(message).num_images == 20


def test_advice_for_cifar_and_hdf5_files_works():
    Path("cifar").mkdir()
    batch = {"data": np.zeros((4, 3072), np.uint8), "labels": [0, 1, 2, 3]}
    made_up.python2_pickle("cifar/data_batch_1", batch)
    assert run_advice(complaint("cifar")).name == "cifar10"
    made_up.hdf5(Path("old.h5"))
    assert run_advice(complaint("old.h5")).num_images == 17


def test_a_files_neighbours_do_not_decide_what_it_is():
    """A zip file of photographs beside files of MNIST and CIFAR is neither of the two."""
    made_up.mnist(Path("."), count=20)
    batch = {"data": np.zeros((4, 3072), np.uint8), "labels": [0, 1, 2, 3]}
    made_up.python2_pickle("data_batch_1", batch)
    pictures("photos", [(16, 16)] * 2)
    shutil.make_archive("photos", "zip", "photos")
    message = complaint("photos.zip")
    assert "photos.zip is a zip file with 2 pictures" in message
    assert run_advice(message).num_images == 2
    made_up.hdf5(Path("old.h5"))
    assert run_advice(complaint("old.h5")).num_images == 17
    shutil.copy("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz")
    shutil.copy("train-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    for path, what in (
        ("t10k-images-idx3-ubyte.gz", "a gzip file of MNIST"),
        ("train-images-idx3-ubyte.gz", "a gzip file of MNIST"),
        ("train-labels-idx1-ubyte.gz", "a gzip file of MNIST"),
        ("data_batch_1", "a file of CIFAR10"),
    ):
        message = complaint(path)
        assert f"{path} is {what}; " in message
        assert run_advice(message).name == what.rsplit(" ", 1)[1].lower()


def test_advice_for_missing_and_empty_directories_works():
    Path("empty").mkdir()
    for path, what in (("nothing", "does not exist"), ("empty", "is empty")):
        message = complaint(path)
        assert message == (
            f"data set {path} {what}; make it with: python dataset_tool.py create_from_images"
            f" {path} IMAGES"
        )
        pictures("photos", [(16, 16)])
        *_, command = message.partition(" with: python dataset_tool.py ")
        dataset_tool.main(shlex.split(command.replace("IMAGES", "photos")))
        assert open_dataset(DataOptions(path=path)).num_images == 1


def test_other_files_get_advice():
    Path("notes.txt").write_text("text")
    assert complaint("notes.txt") == (
        "data set notes.txt is a file, not a directory; name a data set's directory"
    )
    Path("link").symlink_to("nowhere")
    assert "is a broken link" in complaint("link")
    pictures("photos", [(16, 16)] * 2)
    assert run_advice(complaint("photos/0.png")).num_images == 2
    with tarfile.open("photos.tar.gz", "w:gz") as archive:
        archive.add("photos")
    message = complaint("photos.tar.gz")
    assert message.endswith("unpack it with: python -m tarfile -e photos.tar.gz photos")
    Path("letters").mkdir()
    Path("letters/notes.txt").write_text("text")
    assert "holds no *-rNN.tfrecords files and no pictures" in complaint("letters")


def test_a_presets_own_command_is_advised():
    message = complaint("datasets/cifar10", command="python dataset_tool.py create_cifar10")
    assert message == (
        "data set datasets/cifar10 is missing; make it with: python dataset_tool.py create_cifar10"
        " (or name another with --data-dir)"
    )


def test_advice_for_a_damaged_data_set_works():
    dataset_tool.main(["create_from_images", "datasets/new", *_made_of_pictures()])
    Path("datasets/new/new-r02.tfrecords").write_bytes(b"")
    message = complaint("datasets/new")
    command = re.search("make it with: python dataset_tool.py (.*)", message)[1]
    dataset_tool.main(shlex.split(command.replace("IMAGES", "photos")))
    assert open_dataset(DataOptions(path="datasets/new")).num_images == 3
    # A preset's command comes before others, and other files in the directory stay.
    Path("datasets/new/new-r02.tfrecords").write_bytes(b"")
    assert complaint("datasets/new", command="the command").endswith("the command --force")
    Path("datasets/new/letter.doc").write_text("mine")
    assert "(first move away all other files)" in complaint("datasets/new")


def _made_of_pictures():
    pictures("photos", [(16, 16)] * 3)
    return ["photos"]


def test_data_options_are_checked():
    with pytest.raises(UserError, match="no data set: give --data-dir"):
        open_dataset(DataOptions())
    with pytest.raises(UserError, match="write 1024x3"):
        open_dataset(DataOptions(synthetic="big"))
    assert open_dataset(DataOptions(synthetic="64x1", labels=True)).label_size == 10
    message = complaint("datasets/mine", resolution=16)
    assert "train at their size with --set data.resolution=8" in message
    assert "no labels file; --set data.labels=false" in complaint("datasets/mine", labels=True)


@pytest.mark.parametrize(
    "label, reason",
    [
        ([0, -1, 2], "a negative number (-1)"),
        ([0.5, 0.5, 0], "a fraction (0.5)"),
        ([1, 1, 0], "several ones (2)"),
        ([0, 0, 0], "zeros only"),
        ([0, 2, 0], "a number above 1 (2)"),
    ],
)
def test_labels_that_are_no_classes_are_refused(label, reason):
    """A cross-entropy with a negative target has no lower bound."""
    labels = np.eye(3)[[0, 1, 2, 0, 1]]
    labels[3] = label
    write_dataset("datasets/vectors", noise(5, 8), labels)
    message = complaint("datasets/vectors", labels=True)
    assert "datasets/vectors/vectors-rxx.labels does not hold classes" in message
    assert f"the label of record 3 has {reason} instead of a single 1" in message
    assert open_dataset(DataOptions(path="datasets/vectors")).label_size == 3


def test_advice_keeps_what_was_typed():
    pictures("photos", [(16, 16)] * 3)
    typed = ["--config", "openmoji", "--data-dir", "photos", "--results", "my {runs}"]
    kept = "python -m pgan_tf.train --config openmoji --results 'my {runs}' --data-dir"
    with pytest.raises(UserError, match=re.escape(f"; then: {kept} datasets/photos") + "$"):
        train.main(typed)
    with pytest.raises(UserError, match=re.escape(f"did you mean: {kept} datasets/mine") + "$"):
        train.main([*typed[:2], "--data-dir=datasets/mind", *typed[4:]])
