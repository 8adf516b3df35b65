"""The made-up inputs of golden/dataset_tool.json, as tests/golden/README.md describes them."""

import gzip
import io
import struct

import h5py
import lmdb
import numpy as np
from PIL import Image

from pgan_tf.data.format.writer import DatasetWriter


def save_png(path, pixels):
    Image.fromarray(pixels.astype(np.uint8)).save(path, compress_level=1)


def folders(root):
    """Makes rgb64/im000.png to im022.png and gray32/g00.png to g10.png."""
    rs = np.random.RandomState(0)
    (root / "rgb64").mkdir()
    for i in range(23):
        save_png(root / "rgb64" / f"im{i:03d}.png", rs.randint(0, 256, (64, 64, 3)))
    (root / "gray32").mkdir()
    for i in range(11):
        save_png(root / "gray32" / f"g{i:02d}.png", rs.randint(0, 256, (32, 32)))


def mnist(root, count=60_000):
    """Makes the training files of MNIST."""
    rs = np.random.RandomState(1)
    images = rs.randint(0, 256, (count, 28, 28)).astype(np.uint8)
    labels = rs.randint(0, 10, count).astype(np.uint8)
    header = np.array([2051, count, 28, 28], ">u4").tobytes()
    write_gzip(root / "train-images-idx3-ubyte.gz", header + images.tobytes())
    header = np.array([2049, count], ">u4").tobytes()
    write_gzip(root / "train-labels-idx1-ubyte.gz", header + labels.tobytes())


def write_gzip(path, content):
    with gzip.open(path, "wb", 0) as file:
        file.write(content)


def cifar10(root):
    rs = np.random.RandomState(2)
    for i in range(1, 6):
        data = rs.randint(0, 256, (10_000, 3072)).astype(np.uint8)
        labels = rs.randint(0, 10, 10_000)
        python2_pickle(root / f"data_batch_{i}", {"data": data, "labels": labels.tolist()})


def cifar100(root):
    rs = np.random.RandomState(3)
    data = rs.randint(0, 256, (50_000, 3072)).astype(np.uint8)
    labels = rs.randint(0, 100, 50_000)
    python2_pickle(root / "train", {"data": data, "fine_labels": labels.tolist()})


def svhn(root):
    rs = np.random.RandomState(4)
    for i in range(1, 4):
        images = rs.randint(0, 256, (24_419, 3, 32, 32)).astype(np.uint8)
        labels = rs.randint(0, 10, 24_419).astype(np.uint8)
        python2_pickle(root / f"train_{i}.pkl", (images, labels))


def lsun(root):
    rs = np.random.RandomState(5)
    with lmdb.open(str(root), map_size=1 << 26) as env, env.begin(write=True) as transaction:
        for i in range(40):
            w, h = rs.randint(70, 200), rs.randint(70, 200)
            small = rs.randint(0, 256, (h // 8 + 1, w // 8 + 1, 3)).astype(np.uint8)
            out = io.BytesIO()
            Image.fromarray(small).resize((w, h), Image.Resampling.BICUBIC).save(out, "png")
            transaction.put(b"%08d" % i, out.getvalue())
        transaction.put(b"00000007x", b"not an image")


def hdf5(path):
    rs = np.random.RandomState(6)
    with h5py.File(path, "w") as file:
        for r in (32, 16, 8, 4, 2, 1):
            file[f"data{r}x{r}"] = rs.randint(0, 256, (17, 3, r, r)).astype(np.uint8)
    np.save(path.with_name(path.stem + "-labels.npy"), rs.rand(17, 4).astype(np.float32))


def python2_pickle(path, value):
    """Writes a pickle as Python 2 wrote it: protocol 2, with byte strings."""
    with open(path, "wb") as file:
        file.write(b"\x80\x02" + _python2(value) + b".")


def _python2(value) -> bytes:
    if isinstance(value, dict):
        items = b"".join(_python2(k) + _python2(v) for k, v in value.items())
        return b"}(" + items + b"u"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(_python2, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(_python2, value)) + b"e"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, str):
        return b"U" + bytes([len(value)]) + value.encode("latin1")  # at most 255 characters
    if isinstance(value, np.ndarray):
        raw = value.tobytes()
        dtype = (
            b"cnumpy\ndtype\nU\x02" + value.dtype.str[1:].encode() + b"K\x00K\x01\x87R"
            b"(K\x03U\x01" + value.dtype.str[:1].encode() + b"NNN" + _python2(-1) * 2 + b"K\x00tb"
        )
        return (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR(K\x01"
            + _python2(value.shape) + dtype + b"\x89T" + struct.pack("<I", len(raw)) + raw + b"tb"
        )  # fmt: skip
    raise TypeError(type(value))


def noise(n, resolution=8, channels=3, seed=0):
    """Returns images of noise, uint8 [n, channels, resolution, resolution]."""
    shape = (n, channels, resolution, resolution)
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def write_dataset(path, pixels, labels=None, **options):
    """Writes images [n, C, R, R] as a data set."""
    with DatasetWriter(path, pixels.shape[-1], pixels.shape[1], **options) as target:
        for start in range(0, len(pixels), 3):
            target.add(pixels[start : start + 3])
        if labels is not None:
            target.set_labels(labels)
