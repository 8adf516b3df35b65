"""Pages that hold a generator: their parts, and that bad input is refused."""

import base64
import dataclasses
import functools
import gzip
import json
import os
import re

import numpy as np
import onnx
import onnxruntime
import pytest
from export.conftest import KINDS, write_snapshot
from export.runtimes import some_inputs

from pgan_tf import directions, truncation
from pgan_tf.errors import UserError
from pgan_tf.export import __main__ as command
from pgan_tf.export import web
from pgan_tf.export.writing import atomic_output, check_target
from pgan_tf.inference import synthesize
from pgan_tf.pages.explorer import FILES, MODEL_FILE, RUNTIME_FILE
from pgan_tf.pages.explorer import facts as facts_module
from pgan_tf.pages.explorer.facts import centres_of, facts_of


@pytest.fixture
def quick(monkeypatch):
    """Replaces centres and directions, which take seconds and have tests of their own."""
    monkeypatch.setattr(web, "centres_of", lambda loaded: {})
    monkeypatch.setattr(facts_module, "directions_of", lambda loaded: np.zeros([1, 8]))


@pytest.mark.parametrize("float16,tolerance", [(False, 1e-4), (True, 0.01)])
def test_the_graphs_are_right_and_share_their_weights(labelled, tmp_path, float16, tolerance):
    model = web.make_graphs(labelled.Gs, float16)
    assert list(model.graphs) == [16, 8, 4]
    (tmp_path / "weights.bin").write_bytes(model.weights)
    inputs = some_inputs(labelled.Gs, 2)
    for resolution, lod in zip(model.graphs, (0.6, 1.0, 2.0), strict=True):
        path = tmp_path / f"{resolution}.onnx"
        path.write_bytes(model.graphs[resolution])
        onnx.checker.check_model(path, full_check=True)
        (images,) = onnxruntime.InferenceSession(path).run(["images"], inputs)
        expected = synthesize(labelled.Gs, inputs["latents"], inputs["labels"], lod).numpy()
        limit = tolerance * max(np.abs(expected).max(), 1) if float16 else tolerance
        np.testing.assert_allclose(images.transpose(0, 2, 3, 1), expected, rtol=0, atol=limit)
    # Each weight is stored once: three graphs share less than 1.5 times the weights' size.
    kept = sum(w.numpy().nbytes for w in labelled.Gs.weights) / (2 if float16 else 1)
    assert len(model.weights) < 1.5 * kept


def test_facts_describe_the_generator(labelled):
    facts = facts_of(labelled, 7, {2: np.arange(8)})
    assert json.loads(json.dumps(facts)) == facts
    assert facts["lods"] == [0.6, 1.0, 2.0] and facts["most"] == 7
    assert facts["operations"][0] > facts["operations"][1] > facts["operations"][2] > 0
    assert facts["classes"] == [{"index": k, "name": f"class {k}"} for k in range(3)]

    def numbers(text):
        return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, 8)

    expected = directions.principal_directions(labelled.Gs, 8, np.full(3, 1 / 3))
    np.testing.assert_array_equal(numbers(facts["directions"]), expected)
    assert numbers(facts["centres"]["2"]).tolist() == [list(range(8))]


def test_links_and_foreign_directories_are_never_replaced(tmp_path, monkeypatch):
    page = tmp_path / "page"
    page.mkdir()
    (page / MODEL_FILE).write_text("old")
    check = functools.partial(check_target, ending="", force=True, parts=FILES)
    assert check(page) == page
    (tmp_path / "link").symlink_to(page)
    (tmp_path / "site").mkdir()
    for name in (MODEL_FILE, "more.html"):
        (tmp_path / "site" / name).touch()
    monkeypatch.chdir(tmp_path)
    for out, message in (
        ("link", "is a link; name the directory"),
        ("site", "holds other files"),
        (".", "name a directory to make, such as Gs"),
        ("page/..", r"name a directory to make, such as page/\.\./Gs"),
    ):
        with pytest.raises(UserError, match=message):
            check(out)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_output(page) as partial:
        partial.mkdir()
    assert (page / MODEL_FILE).read_text() == "old"
    assert {p.name for p in tmp_path.iterdir()} == {"page", "link", "site"}


def test_the_command_writes_a_folder_or_a_file(quick, labelled, tmp_path, capsys):
    for out in (tmp_path / "page", tmp_path / "page.html"):
        command.main(["web", "--snapshot", str(labelled.path), "--out", str(out)])
        start = out / "index.html" if out.name == "page" else out
        assert re.fullmatch(
            rf"{re.escape(str(start))}: Gs of network-snapshot-000005.npz, 4\.\d+ MB;"
            r" open it in a browser\n",
            capsys.readouterr().out,
        )
        with pytest.raises(UserError, match="exists; add --force to replace it"):
            command.main(["web", "--snapshot", str(labelled.path), "--out", str(out)])
        command.main(["web", "--snapshot", str(labelled.path), "--out", str(out), "--force"])
        capsys.readouterr()
    assert {p.name for p in (tmp_path / "page").iterdir()} == {
        "index.html", MODEL_FILE, RUNTIME_FILE,
    }  # fmt: skip
    whole = (tmp_path / "page.html").read_text()
    beside = (tmp_path / "page" / RUNTIME_FILE).read_text()
    for text in (whole, beside):
        assert "Copyright (c) Microsoft Corporation" in text and "WITHOUT WARRANTY" in text
    packed = re.search(r'explorerPart\("ort.js", "(.*?)"\);', beside)[1]
    assert b"ONNX Runtime Web v1.30.0" in gzip.decompress(base64.b64decode(packed))


def test_centres_are_those_of_truncation(labelled, monkeypatch):
    asked = []

    def centre(Gs, label=None):
        asked.append(None if label is None else list(label))
        return truncation.centre(Gs, label, candidates=3)

    monkeypatch.setattr(facts_module, "centre", centre)
    centres = centres_of(dataclasses.replace(labelled, used_classes=(0, 2)))
    assert list(centres) == [0, 2] and asked == [[1, 0, 0], [0, 0, 1]]
    np.testing.assert_array_equal(centres[2], truncation.centre(labelled.Gs, [0, 0, 1], 3))
    assert list(centres_of(dataclasses.replace(labelled, used_classes=()))) == [None]
    monkeypatch.setattr(facts_module, "_MOST_CENTRES", 2)
    assert centres_of(labelled) == {}


def test_a_generator_too_large_for_a_page_gets_advice(quick, labelled, tmp_path, monkeypatch):
    size = len(web.make_graphs(labelled.Gs).weights)
    monkeypatch.setattr(web, "LARGEST", size - 1)
    argv = ["web", "--snapshot", str(labelled.path), "--out", str(tmp_path / "page")]
    with pytest.raises(UserError, match=r"0 MB, but a page holds 0 MB .*add --float16 to halve"):
        command.main(argv)
    assert not (tmp_path / "page").exists()
    command.main([*argv, "--float16"])  # the advice
    monkeypatch.setattr(web, "LARGEST", 10)
    with pytest.raises(UserError, match=r"to serve it .*: python -m pgan_tf.explore --snapshot "):
        command.main([*argv, "--float16", "--force"])


def test_bad_targets_and_missing_snapshots_are_refused(labelled, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "index.html").write_text("mine")
    with pytest.raises(UserError, match="holds other files; choose another directory"):
        web.export_web(labelled.path, home, force=True)
    assert [p.name for p in home.iterdir()] == ["index.html"]
    with pytest.raises(
        UserError, match=r"page\.onnx: this export is a directory; leave out \.onnx"
    ):
        web.export_web(labelled.path, tmp_path / "page.onnx")
    with pytest.raises(UserError, match="no snapshot at"):
        web.export_web(tmp_path / "none.npz", tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_hostile_names_stay_data(quick, tmp_path):
    path = tmp_path / "<script>.npz"
    names = ["</script><script>alert(1)</script>", "<!--scripts-->", "b"]
    write_snapshot(path, 1.0, names=names, **KINDS["labels"])
    web.export_web(path, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1]
    facts = json.loads(data)["facts"]
    assert [c["name"] for c in facts["classes"]] == names and facts["name"] == "<script>"
    assert "alert(1)</script>" not in page and facts["lods"] == [1.0, 2.0]
