"""The targets: every reader of bytes from outside, with undamaged files to begin with."""

import base64
import bz2
import functools
import gzip
import hashlib
import io
import json
import pickle
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import celebahq_mini
import h5py
import lmdb
import made_up
import numpy as np
import scipy.io
from cryptography.fernet import Fernet
from fuzz import more_targets
from fuzz.target import Input, Target
from PIL import Image

from pgan_tf import npy, safe_pickle
from pgan_tf.data.dataset import Dataset
from pgan_tf.data.format import codecs, records
from pgan_tf.data.making import cifar, hdf5, images, lsun, mnist, svhn
from pgan_tf.data.making.celebahq import alignment, deltas
from pgan_tf.data.making.celebahq.alignment import ImageError
from pgan_tf.data.making.celebahq.inputs import Inputs
from pgan_tf.data.pictures import imagefile
from pgan_tf.data.pictures.imagefile import BadImage, Preparation
from pgan_tf.errors import UserError
from pgan_tf.explore import asking


def _saved(save: Callable, *arguments, **options) -> bytes:
    """Returns the bytes that a function writes into the file given as its first argument."""
    out = io.BytesIO()
    save(out, *arguments, **options)
    return out.getvalue()


def _npy(array: np.ndarray) -> bytes:
    return _saved(np.save, array)


def _zip(entries: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


# Pickles, and data sets made from them.

_PIXELS = made_up.noise(4, 32)
_CLASSES = np.array([3, 1, 9, 0])


def _cifar() -> list[Input]:
    value = {"data": _PIXELS.reshape(4, -1), "labels": _CLASSES.tolist()}
    pickles = [made_up._python2(value), *(pickle.dumps(value, p)[:-1] for p in (2, 4, 5))]
    return [Input("data_batch_1", text + b".") for text in pickles]


def _svhn() -> list[Input]:
    value = (_PIXELS, _CLASSES.astype(np.uint8))
    return [Input("train_1.pkl", pickle.dumps(value, protocol)) for protocol in (0, 2, 5)]


def _matlab() -> list[Input]:
    arrays = {
        "X": _PIXELS.transpose(2, 3, 1, 0),
        "y": np.where(_CLASSES, _CLASSES, 10)[:, None].astype(np.uint8),
    }
    kinds = [_saved(scipy.io.savemat, arrays, do_compression=packed) for packed in (True, False)]
    return [Input("train_32x32.mat", content) for content in kinds]


def _pickles() -> list[Input]:
    value = {
        "plain": [None, True, 1, -(2**70), 2.5, "x", b"\xff", (1, (2,)), {"k": [3]}],
        "arrays": [np.arange(6.0), np.arange(4, dtype=">u2"), np.float32(1), np.array(["a"])],
    }
    return [Input("x.pkl", pickle.dumps(value, protocol)) for protocol in range(6)]


def _make(create: Callable, **options) -> Callable[[Path], object]:
    """Returns a function that makes a data set from a directory's files, in its out/made."""

    def read(directory: Path) -> None:
        create(directory / "out" / "made", directory, force=True, **options)

    return read


# Digits.


def _idx() -> list[Input]:
    random = np.random.RandomState(0)
    header = np.array([2051, 5, 28, 28], ">u4").tobytes()
    digits = header + random.bytes(5 * 28 * 28)
    classes = np.array([2049, 5], ">u4").tobytes() + bytes([1, 2, 3, 4, 5])
    pack = functools.partial(gzip.compress, compresslevel=1)
    files = [("train-images-idx3-ubyte.gz", digits), ("train-labels-idx1-ubyte.gz", classes)]
    return [
        *(Input(name, content, pack) for name, content in files),
        *(Input(name, pack(content)) for name, content in files),
    ]


# Data sets.


def _hdf5() -> list[Input]:
    contents = []
    for version in ("earliest", "latest"):
        out = io.BytesIO()
        with h5py.File(out, "w", libver=version) as file:
            for r in (4, 8):
                options = {} if r == 4 else {"chunks": (2, 3, 8, 8), "compression": "gzip"}
                file.create_dataset(f"data{r}x{r}", data=made_up.noise(3, r), **options)
        contents.append(out.getvalue())
    return [
        *(Input("x.h5", content) for content in contents),
        Input("x-labels.npy", _npy(np.eye(3, dtype=np.float32))),
    ]


def _read_hdf5(directory: Path) -> None:
    hdf5.create(directory / "out" / "made", directory / "x.h5", workers=1, force=True)


def _data_set(**options) -> Callable[[], list[Input]]:
    def make() -> list[Input]:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, "set")
            labels = np.eye(4, dtype=np.float32)
            made_up.write_dataset(path, _PIXELS, labels, **options)
            found = [Input(f"set/{f.name}", f.read_bytes()) for f in sorted(path.iterdir())]
        codec = options.get("compress")
        # Levels of one damaged record with right checksums.
        image = np.random.RandomState(0).bytes(48)
        found.append(
            Input("set/set-r02.tfrecords", records.example_bytes(image, (3, 4, 4)), records.frame)
        )
        if codec:
            packed = codecs.compress(_PIXELS[0], codec)
            pack = functools.partial(_level_of_one, codec=codec)
            found.append(Input("set/set-r05.tfrecords", packed, pack))
        return found

    return make


def _level_of_one(packed: bytes, codec: str) -> bytes:
    return records.frame(records.example_bytes(packed, (3, 32, 32), codec))


def _read_data_set(directory: Path) -> None:
    first = None
    for verify in ("auto", "off"):
        try:
            data = Dataset(directory / "set", verify)
            for resolution in data.levels:
                data.read(resolution, np.arange(data.num_images)[:50])
            data.content_hash()
            data.records_hash()
        except UserError as error:
            first = first or error
    if first:
        raise first


def _arrays() -> list[Input]:
    arrays = [np.arange(6.0), np.asfortranarray(np.eye(3)), np.array(["ab"]), np.eye(2) > 0]
    return [Input("x.npy", _npy(array)) for array in arrays]


def _read_array(directory: Path) -> None:
    npy.read((directory / "x.npy").read_bytes())


# Pictures.


def _pictures() -> list[Input]:
    rgb = Image.fromarray(_PIXELS[0].transpose(1, 2, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = [
        _saved(rgb.save, "png"),
        _saved(rgb.convert("P").save, "png", transparency=0),
        _saved(rgb.convert("LA").save, "png"),
        _saved(rgb.save, "jpeg", exif=exif),
        _saved(rgb.convert("CMYK").save, "jpeg"),
        _saved(rgb.save, "webp", exif=exif),
        _saved(rgb.save, "bmp"),
        _saved(rgb.save, "tiff", compression="tiff_lzw"),
        _saved(Image.fromarray(np.arange(1024, dtype=np.uint16).reshape(32, 32)).save, "tiff"),
    ]
    return [Input("x", content) for content in kinds]


def _read_picture(directory: Path) -> None:
    data = (directory / "x").read_bytes()
    for preparation in (Preparation(), Preparation(16, "center", channels=1)):
        imagefile.examine(data, preparation, decode=True)
    imagefile.load(data, Preparation(16, pad=True))


def _trees() -> list[Input]:
    picture = _saved(Image.fromarray(_PIXELS[0].transpose(1, 2, 0)).save, "png")
    labels = json.dumps({"labels": [["a/0.png", 0], ["b/1.png", 1]], "classes": ["x", "y"]})
    entries = [("a/0.png", picture), ("b/1.png", picture), ("dataset.json", labels.encode())]
    return [
        Input("x.zip", _zip(entries)),
        Input("x.zip", _zip(entries, zipfile.ZIP_STORED)),
        Input("x.zip", _zip(entries, zipfile.ZIP_BZIP2)),
    ]


def _read_tree(directory: Path) -> None:
    _make_of_images(directory, directory / "x.zip", "folders")


def _make_of_images(directory: Path, source: Path, labels: str) -> None:
    images.create(
        directory / "out" / "made", source, labels=labels, preparation=Preparation(4, "center"),
        skip_bad=True, workers=1, force=True,
    )  # fmt: skip


def _label_files() -> list[Input]:
    forms = [
        {"labels": [["0.png", 0], ["1.png", 1]]},
        {"labels": [["0.png", [0, 1.5]], ["1.png", [1, 0]]]},
        {"labels": [["0.png", "cat"], ["1.png", "dog"]]},
        {"labels": [["0.png", 0], ["1.png", 1]], "classes": ["cat", "dog"]},
    ]
    picture = _saved(Image.fromarray(_PIXELS[0, 0]).resize((4, 4)).save, "png")
    return [
        *(Input("images/dataset.json", json.dumps(form).encode()) for form in forms),
        *(Input(f"images/{i}.png", picture) for i in range(2)),
    ]


def _read_labels(directory: Path) -> None:
    _make_of_images(directory, directory / "images", "dataset.json")


# CelebA-HQ.

_DELTA_NAME, _JPG = "000001.jpg", b"a photograph"


def _lock(packed: bytes) -> bytes:
    """Returns a delta that unlocks to these packed bytes."""
    key = hashlib.pbkdf2_hmac("sha256", _JPG, _DELTA_NAME.encode(), 100_000, 32)
    return Fernet(base64.urlsafe_b64encode(key)).encrypt(packed)


def _deltas() -> list[Input]:
    packed = bz2.compress(bytes(3 << 20))
    return [Input("x.dat", packed, _lock), Input("x.dat", _lock(packed))]


def _read_delta(directory: Path) -> None:
    deltas.unlock((directory / "x.dat").read_bytes(), _JPG, _DELTA_NAME)


def _celebahq() -> list[Input]:
    names = ["Anno/list_landmarks_celeba.txt"]
    names += [f"img_celeba/{path.name}" for path in (celebahq_mini.CELEBA / "img_celeba").iterdir()]
    files = {f"celeba/{name}": celebahq_mini.CELEBA / name for name in sorted(names)}
    files["deltas/image_list.txt"] = celebahq_mini.DELTAS / "image_list.txt"
    entries = [(f"delta{row.idx:05d}.dat", b"x" * 99) for row in celebahq_mini.rows()]
    listed = [Input(name, path.read_bytes()) for name, path in files.items() if "jpg" not in name]
    others = [Input(name, b"") for name in files if "jpg" in name]
    return [*listed, Input("deltas/deltas00000.zip", _zip(entries)), *others]


def _read_celebahq(directory: Path) -> None:
    inputs = Inputs(str(directory / "celeba"), str(directory / "deltas"))
    for item in inputs.check().items[:2]:
        inputs.read_photograph(item)
        inputs.read_delta(item)


def _photographs() -> list[Input]:
    row = celebahq_mini.rows()[0]
    numbers = " ".join(map(str, row.landmarks.ravel().astype(int).tolist()))
    return [Input("x.jpg", row.jpg), Input("landmarks", numbers.encode())]


def _read_photograph(directory: Path) -> None:
    try:
        points = np.array((directory / "landmarks").read_text().split(), np.float32).reshape(5, 2)
    except ValueError:
        raise ImageError("no ten numbers") from None
    image = alignment.decode((directory / "x.jpg").read_bytes())
    if np.isfinite(points).all():  # the reader of landmarks refuses others
        alignment.align(image, points)


# LSUN.


def _lmdb() -> list[Input]:
    picture = _saved(Image.fromarray(_PIXELS[0].transpose(1, 2, 0)).save, "webp")
    with tempfile.TemporaryDirectory() as place:
        with lmdb.open(place, map_size=1 << 20) as env, env.begin(write=True) as transaction:
            for i in range(5):
                transaction.put(b"%d" % i, picture)
        return [Input("data.mdb", Path(place, "data.mdb").read_bytes())]


def _read_lmdb(directory: Path) -> None:
    lsun.create(directory / "out" / "made", directory, 16, workers=1, force=True)


# Runs.


def _snapshot_parts() -> tuple[bytes, dict[str, bytes]]:
    """Returns a snapshot's bytes, and {name: content} of the arrays in it."""
    from pgan_tf.config import resolve
    from pgan_tf.networks import Discriminator, Generator
    from pgan_tf.snapshots import save_snapshot

    shape = {"resolution": 4, "fmap_base": 8, "fmap_max": 4}
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "network-snapshot-000001.npz")
        networks = Generator(**shape), Discriminator(**shape), Generator(**shape)
        save_snapshot(path, *networks, resolve({}), 1000, 0.0)
        content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return content, {name: archive.read(name) for name in archive.namelist()}


def _with(parts: dict[str, bytes], name: str, content: bytes) -> bytes:
    """Returns an uncompressed zip archive of the parts, with one of them replaced."""
    return _zip(list({**parts, name: content}.items()), zipfile.ZIP_STORED)


def _with_meta(parts: dict[str, bytes], content: bytes) -> bytes:
    return _with(parts, "meta.npy", _npy(np.frombuffer(content, np.uint8)))


def _snapshots() -> list[Input]:
    name = "network-snapshot-000001.npz"
    content, parts = _snapshot_parts()
    meta = npy.read(parts["meta.npy"]).tobytes()
    first = next(part for part in parts if part.startswith("G/"))
    return [
        Input(name, content),
        Input(name, meta, functools.partial(_with_meta, parts)),
        Input(name, parts[first], functools.partial(_with, parts, first)),
    ]


def _read_snapshot(directory: Path) -> None:
    import pgan_tf

    pgan_tf.load_snapshot(directory / "network-snapshot-000001.npz")


_STATE = "000-x/training-state-000000001000.npz"


def _states() -> list[Input]:
    from pgan_tf.snapshots.archive import saving_arrays

    meta = {
        "format": "pgan_tf training state 2",
        "nimg": 1000, "phase_nimg": 1000, "lod": 0.0, "dataset": "x", "tick": 1, "tick_nimg": 0,
        "tick_time": 1.0, "time": 1.0, "snapshot": "network-snapshot-000001.npz",
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "state.npz")
        with saving_arrays(path, {"a/b": np.float32([1, 2])}, meta):
            pass
        content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    meta = npy.read(parts["meta.npy"]).tobytes()
    return [
        Input(_STATE, content),
        Input(_STATE, meta, functools.partial(_with_meta, parts)),
        Input("000-x/network-snapshot-000001.npz", _snapshot_parts()[0]),
    ]


def _read_state(directory: Path) -> None:
    from pgan_tf.training.run_directory import RunDirectory
    from pgan_tf.training.saving import newest_save

    newest_save(RunDirectory(directory / "000-x"))


def _run_files() -> list[Input]:
    from pgan_tf import config

    lines = [{"tick": i, "kimg": i / 2, "loss": 0.5} for i in range(5)]
    lines.append({"snapshot": "x", "kimg": 1, "FID": 3.0})
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    options = config.to_json(config.resolve({"name": "x"})).encode()
    return [
        Input("000-x/config.json", options),
        Input("000-x/stats.jsonl", text),
        Input("000-x/metric-fid50k.jsonl", text),
        Input(
            "000-x/changes.jsonl",
            b'{"nimg": 5, "option": "train.xla", "old": true, "new": false}',
        ),
        Input("000-x/best-snapshot.json", b'{"snapshot": "x.npz", "column": "FID", "value": 3}'),
        Input("000-x/network-snapshot-000001.npz", b""),
    ]


def _read_run(directory: Path) -> None:
    from pgan_tf import config
    from pgan_tf.run import DatasetFacts
    from pgan_tf.training import identity
    from pgan_tf.training.run_directory import RunDirectory

    run = RunDirectory(directory / "000-x")
    run.go_back_to(1000)
    for read in (lambda: run.ticks, lambda: run.metrics, lambda: run.best, lambda: run.dataset):
        read()
    facts = DatasetFacts("data", 1, 4, 3, 0, "x")
    identity.find(directory, config.resolve({"name": "x"}), facts)


# Inception weights.


def _graphs() -> list[Input]:
    import tensorflow as tf

    from metrics import frozen_graph

    graph = tf.compat.v1.GraphDef()
    names = [("softmax/weights", (2, 3)), ("softmax/biases", (3,))]
    for scope in frozen_graph.SCOPES.values():
        names.append((f"{scope}/conv2d_params", (1, 1, 2, 3)))
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        names += [(f"{scope}/batchnorm/{part}", (3,)) for part in parts]
    for name, shape in names:
        node = graph.node.add(name=name, op="Const")
        array = np.random.RandomState(0).randn(*shape).astype(np.float32)
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))
    content = graph.SerializeToString()
    return [Input("x.pb", content), Input("x.pb", _tar(content), gzip.compress)]


def _tar(content: bytes) -> bytes:
    from metrics import frozen_graph

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(frozen_graph.GRAPH_FILE)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _read_graph(directory: Path) -> None:
    from metrics import frozen_graph

    frozen_graph.read_tensors((directory / "x.pb").read_bytes(), 64 << 20)


def _torch_files() -> list[Input]:
    root = celebahq_mini.ROOT.parent
    content = (root / "inception_torch_zip.pth").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    inner = next(name for name in parts if name.endswith("data.pkl"))
    return [
        Input("x.pth", content),
        Input("x.pth", parts[inner], functools.partial(_with, parts, inner)),
        Input("x.pth", (root / "inception_torch_legacy.pth").read_bytes()),
    ]


def _read_torch_file(directory: Path) -> None:
    from metrics import torch_file

    torch_file.read_tensors((directory / "x.pth").read_bytes(), 64 << 20)


# Requests of the explorer's page.

_LIMITS = asking.Limits(4, 3, (0.5, 1, 2), 3)


def _requests() -> list[Input]:
    rows = np.random.RandomState(0).randn(2, 4).tolist()
    said = ({"latents": rows, "label": 2, "lod": 0.5}, {"latents": rows[:1], "lod": 1})
    return [Input("request", json.dumps(each).encode()) for each in said]


def _read_request(directory: Path) -> None:
    asked = asking.parse((directory / "request").read_bytes(), _LIMITS)
    assert asked.latents.dtype == np.float32 and np.isfinite(asked.latents).all()
    assert asked.latents.shape[1] == 4 and asked.label in (None, 0, 1, 2)


TARGETS = {
    target.name: target
    for target in (
        Target("pickle", _pickles, lambda d: safe_pickle.load(d / "x.pkl"), examples=80),
        Target("cifar", _cifar, _make(cifar.create_cifar10, allow_partial=True)),
        Target("svhn-pickle", _svhn, _make(svhn.create, allow_partial=True)),
        Target("svhn-mat", _matlab, _make(svhn.create, allow_partial=True)),
        Target("mnist", _idx, _make(mnist.create, allow_partial=True)),
        Target("hdf5", _hdf5, _read_hdf5, seconds=70, examples=8),
        Target("npy", _arrays, _read_array, (ValueError,), examples=80),
        Target("data-set", _data_set(), _read_data_set),
        Target("data-set-png", _data_set(compress="png"), _read_data_set),
        Target("data-set-gzip", _data_set(compress="gzip"), _read_data_set),
        Target("picture", _pictures, _read_picture, (BadImage,), examples=40, megabytes=1500),
        Target("picture-zip", _trees, _read_tree),
        Target("labels-json", _label_files, _read_labels),
        Target("celebahq-delta", _deltas, _read_delta, (ImageError,), examples=5),
        Target("celebahq-files", _celebahq, _read_celebahq, (UserError, ImageError), lines=40),
        Target(
            "celebahq-photo",
            _photographs,
            _read_photograph,
            (ImageError,),
            examples=3,
            megabytes=1500,
        ),
        Target("snapshot", _snapshots, _read_snapshot, examples=8, seconds=60),
        Target("training-state", _states, _read_state),
        Target("run-files", _run_files, _read_run),
        Target("frozen-graph", _graphs, _read_graph, (ValueError,)),
        Target("torch-file", _torch_files, _read_torch_file, (ValueError,)),
        Target("explorer-request", _requests, _read_request),
        Target("lsun-lmdb", _lmdb, _read_lmdb, examples=10),
        *more_targets.TARGETS,
    )
}
