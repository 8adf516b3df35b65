"""Labels of a user's images, from JSON, tables or folders; errors name the line."""

import json
import re

import made_up
import numpy as np
import pytest

from pgan_tf.data.dataset import Dataset
from pgan_tf.data.making import image_labels, images
from pgan_tf.errors import UserError

NAMES = ("a.png", "b.png", "sub/c.png")


@pytest.fixture
def tree(tmp_path):
    """A directory with the images NAMES."""
    root = tmp_path / "tree"
    for i, name in enumerate(NAMES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        made_up.save_png(root / name, np.full((8, 8, 3), i))
    return root


def made(tree, name, text, **options):
    """Writes a label file into the tree; returns the data set made with it."""
    (tree / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    images.create(
        tree.parent / "out", tree, labels=name, shuffle=False, workers=1, force=True, **options
    )
    return Dataset(tree.parent / "out")


def refusal(tree, name, text):
    """Returns the message with which a label file is refused."""
    with pytest.raises(UserError) as caught:
        made(tree, name, text)
    assert "\n" not in str(caught.value) and not (tree.parent / "out").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        {"labels": [["a.png", 0], ["b.png", 2], ["sub/c.png", 1]]},
        {"labels": {"a.png": 0, "b.png": 2, "sub/c.png": 1}},
        {"a.png": 0, "b.png": 2, "sub\\c.png": 1},
        {"labels": [["a.png", "x"], ["b.png", "z"], ["sub/c.png", "y"]]},
        {
            "labels": [["a.png", "x"], ["b.png", "z"], ["sub/c.png", "y"]],
            "classes": ["x", "y", "z"],
        },
        {"labels": [["a.png", [1, 0, 0]], ["b.png", [0, 0, 1]], ["sub/c.png", [0, 1, 0]]]},
    ],
)
def test_every_form_of_json_is_read(tree, content):
    labels = made(tree, "labels.json", json.dumps(content)).labels
    np.testing.assert_array_equal(labels, np.eye(3)[[0, 2, 1]])


@pytest.mark.parametrize(
    "text",
    [
        "a.png,0\nb.png,2\nsub/c.png,1\n",
        "name,class\na.png,0\nb.png,2\nsub/c.png,1\n",
        "\ufeffimage;label\r\na.png;0\r\nb.png;2\r\n\r\nsub\\c.png;1",
        'file\tclass\n"a.png"\t0\n b.png \t 2 \nsub/c.png\t1\n',
        "a.png,cat\nb.png,emu\nsub/c.png,dog\n",
    ],
)
@pytest.mark.parametrize("name", ["labels.csv", "labels.txt"])
def test_every_form_of_table_is_read(tree, text, name):
    data = made(tree, name, text)
    np.testing.assert_array_equal(data.labels, np.eye(3)[[0, 2, 1]])
    assert data.class_names == (["cat", "dog", "emu"] if "cat" in text else ["0", "1", "2"])


def test_null_means_no_labels(tree, capsys):
    assert made(tree, "dataset.json", '{"labels": null}').labels is None
    assert "dataset.json says that there are no labels" in capsys.readouterr().out


@pytest.mark.parametrize("text", ['{"a.png": 1, "b.png": null, "sub/c.png": 0}',
                                  "a.png,1\nb.png,\nsub/c.png,0\n"])  # fmt: skip
def test_a_missing_label_is_refused_or_skipped(tree, text, capsys):
    name = "labels.json" if text[0] == "{" else "labels.csv"
    with pytest.raises(UserError, match=r"1 of 3 files can't be used .*has no label"):
        made(tree, name, text)
    data = made(tree, name, text, skip_bad=True)
    np.testing.assert_array_equal(data.labels, np.eye(2)[[1, 0]])


@pytest.mark.parametrize(
    "text, message",
    [
        ('{"labels":\n [["a.png", 0]\n ["b.png", 0]]}', "labels.json: line 3, column 2: Expecting"),
        ("", "labels.json: line 1, column 1: Expecting value"),
        ('{"a.png": 0, "a.png": 1}', "can't be read as JSON ('a.png' occurs twice)"),
        ('{"labels": [["a.png"]]}', "label 1 is ['a.png']"),
        ('{"labels": [["a.png", 0], [3, 1]]}', "label 2 is [3, 1]"),
        ('{"labels": [["a.png", [[1]]]]}', "label 1 is ['a.png', [[1]]]"),
        ('{"labels": "folders"}', "\"labels\" is 'folders'"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"a":' * 100_000, "is nested too deeply"),
        ('{"a.png": ' + "9" * 5000 + "}", "can't be read as JSON"),
        (b"\xff\xfe\xfa{}", "can't be read as JSON"),
        ('{"a.png": 0, "b.png": "x", "sub/c.png": 0}', "the label of b.png is 'x': labels must be"),
        ('{"a.png": 0, "b.png": 1.5, "sub/c.png": 0}', "the label of b.png is 1.5: labels must be"),
        ('{"a.png": true, "b.png": 1, "sub/c.png": 0}', "the label of a.png is True: labels must"),
        ('{"a.png": [1], "b.png": [1, 2], "sub/c.png": [3]}', "the label of b.png is [1, 2]"),
        ('{"a.png": [1], "b.png": [NaN], "sub/c.png": [3]}', "the label of b.png is [nan]"),
        ('{"a.png": [1e300], "b.png": [1], "sub/c.png": [3]}', "the label of a.png is [1e+300]"),
        ('{"a.png": 7000, "b.png": 1, "sub/c.png": 0}', "class 7000 is too large for 3 images"),
        ('{"labels": {"a.png": "x", "b.png": "z", "sub/c.png": "x"}, "classes": ["x"]}',
         "the label of b.png is 'z', which is none of the 1 classes"),
        ('{"labels": {"a.png": [1], "b.png": [0], "sub/c.png": [1]}, "classes": ["x", "y"]}',
         "each label is a list of 1 numbers, but 2 classes are named"),
    ],
)  # fmt: skip
def test_wrong_json_is_refused(tree, text, message):
    assert message in refusal(tree, "labels.json", text)


def test_a_trailing_comma_is_located(tree):
    """Depending on its version, Python points at the comma or behind it."""
    said = refusal(tree, "labels.json", '{"labels": [["a.png", 0],]}')
    assert re.match(r"labels\.json: line 1, column 2[56]: ", said)


@pytest.mark.parametrize(
    "text, message",
    [
        (b"a.png\n", "labels.csv: line 1 has 1 field(s), not name,class"),
        (b"a.png,0\nb.png,1,2\n", "labels.csv: line 2 has 3 field(s), not name,class"),
        (b'a.png,0\n"b.png,1\n', "labels.csv: line 2: unexpected end of data"),
        (b"a.png,\xff\xfe\n", "labels.csv is not UTF-8 text"),
        (b"a.png,0\na.png,1\n", "labels.csv gives a.png two labels: 0 and 1"),
        (b"a.png,-1\nb.png,0\nsub/c.png,0", "the label of a.png is -1"),
        (b"a.png," + b"x" * 200_000, "labels.csv: line 1: field larger than field limit"),
    ],
)
def test_wrong_tables_are_refused(tree, text, message):
    assert message in refusal(tree, "labels.csv", text)


def test_a_label_file_may_lie_elsewhere(tree):
    path = tree.parent / "mine.csv"
    path.write_text("name,class\na.png,0\nb.png,0\nsub/c.png,1\n")
    images.create(tree.parent / "out", tree, labels=str(path), shuffle=False, workers=1)
    np.testing.assert_array_equal(Dataset(tree.parent / "out").labels, np.eye(2)[[0, 0, 1]])


def test_an_empty_class_is_reported(tree, capsys):
    content = '{"labels": [["a.png", 1], ["b.png", 2], ["sub/c.png", 2]]}'
    assert made(tree, "labels.json", content).empty_classes == [0]
    assert (
        "1 of 3 classes have no images: 0 (classes are numbered from 0); they are never drawn"
        in capsys.readouterr().out
    )
    content = '{"labels": {"a.png": 0, "b.png": 0, "sub/c.png": 0}, "classes": ["x", "y"]}'
    made(tree, "labels.json", content)
    assert "1 of 2 classes have no images: 1 (y); they are" in capsys.readouterr().out


def test_numbered_folders_are_sorted_by_value(tmp_path):
    for number in range(12):
        (tmp_path / "in" / str(number)).mkdir(parents=True)
        made_up.save_png(tmp_path / "in" / f"{number}" / "x.png", np.full((8, 8, 3), number))
    images.create(tmp_path / "out", tmp_path / "in", labels="folders", shuffle=False, workers=1)
    data = Dataset(tmp_path / "out")
    assert data.class_names == [str(number) for number in range(12)]
    np.testing.assert_array_equal(data.labels.argmax(1), data.read(4, range(12))[:, 0, 0, 0])


def test_classes_are_sorted_by_value_then_name():
    names = ["10", "b", "9", "009", "01", "a", "2" * 5000, "-1", "1", "٣"]
    _, classes = image_labels.rows(names, names, None)
    assert classes == ["01", "1", "009", "9", "10", "2" * 5000, "-1", "a", "b", "٣"]


def test_a_label_file_that_cannot_be_read_is_not_said_to_be_missing(tree, tmp_path):
    (tmp_path / "labels").mkdir()
    with pytest.raises(UserError, match=r"labels can't be read: Is a directory"):
        images.create(tmp_path / "out", tree, labels=str(tmp_path / "labels"))
