"""Labels as classes: names, numbers of images, empty classes, one-hot vectors."""

import numpy as np
import pytest
from made_up import noise, write_dataset

import dataset_tool
from pgan_tf.data import labels
from pgan_tf.data.dataset import Dataset, SyntheticDataset
from pgan_tf.errors import UserError


def labelled(path, rows, names=None):
    """Writes and returns a data set with these labels."""
    write_dataset(path, noise(len(rows), 8), np.array(rows, np.float32))
    if names:
        (path / labels.CLASSES_FILE).write_bytes(labels.classes_text(names))
    return Dataset(path)


def test_counts_used_and_empty_classes(tmp_path):
    data = labelled(tmp_path / "a", np.eye(5)[[1, 3, 3, 1, 3]], ["cow", "cat", "emu", "dog", "gnu"])
    assert data.class_names == ["cow", "cat", "emu", "dog", "gnu"]
    assert data.class_counts == [0, 2, 0, 3, 0]
    assert (data.used_classes, data.empty_classes) == ([1, 3], [0, 2, 4])
    data.require_one_hot()
    assert labels.describe(data) == "2 classes of 2 to 3 images, and 3 empty"


def test_missing_class_names_become_numbers(tmp_path):
    assert labelled(tmp_path / "a", np.eye(3)).class_names == ["0", "1", "2"]
    assert labelled(tmp_path / "b", np.eye(3), ["too", "few"]).class_names == ["0", "1", "2"]
    write_dataset(tmp_path / "c", noise(2, 8))
    data = Dataset(tmp_path / "c")
    assert (data.class_names, data.class_counts) == (None, None)
    assert (data.used_classes, data.empty_classes) == ([], [])
    assert labels.describe(data) == "none"
    synthetic = SyntheticDataset(8, num_images=3, label_size=4)
    assert synthetic.class_names == ["0", "1", "2", "3"] and synthetic.empty_classes == [3]


def test_vectors_are_not_classes(tmp_path):
    data = labelled(tmp_path / "a", [[0.5, 0, 0], [0, -2, 0]])
    assert data.class_counts is None
    assert (data.used_classes, data.empty_classes) == ([0, 1], [2])
    assert labels.describe(data) == "3 numbers per image (not one-hot: no classes)"
    with pytest.raises(UserError, match=r"a-rxx.labels .*record 0 has a fraction \(0.5\)"):
        data.require_one_hot()


@pytest.mark.parametrize("rows", [[[1, 0], [0, 1]], [[1]], [[0, 1], [0, 1]]])
def test_one_hot_labels_are_recognized(rows):
    assert labels.first_not_one_hot(np.array(rows, np.float32)) is None


@pytest.mark.parametrize(
    "rows, first",
    [([[1, 0], [0, 0]], 1), ([[1, 1], [1, 0]], 0), ([[1, 0], [1, -1]], 1), ([[0], [1]], 0)],
)
def test_the_first_label_that_is_not_one_hot_is_found(rows, first):
    assert labels.first_not_one_hot(np.array(rows, np.float32)) == first


def test_info_prints_number_name_and_count(tmp_path, capsys):
    labelled(tmp_path / "a", np.eye(3)[[0, 2, 2]], ["cat", "a\x1b[31mred", "dog"])
    dataset_tool.main(["info", str(tmp_path / "a")])
    lines = capsys.readouterr().out.splitlines()
    assert "labels     3 classes" in lines
    assert [line.split() for line in lines[-3:]] == [
        ["0", "cat", "1"], ["1", "a\ufffd[31mred", "0", "empty"], ["2", "dog", "2"],
    ]  # fmt: skip
