"""Weights files that declare far more than they hold are refused without memory or time."""

import contextlib
import gzip
import io
import pickle
import struct
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from metrics import frozen_graph, inception_weights, torch_file
from pgan_tf.errors import UserError

MOST = 64 << 20


@contextlib.contextmanager
def little_memory(most_bytes=8 << 20):
    """Asserts that the block takes less memory than this."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def refused(read, data, match, most_bytes=8 << 20):
    """Asserts that data are refused in one line and with little memory."""
    with little_memory(most_bytes), pytest.raises(ValueError, match=match) as caught:
        read(data, MOST)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def tensor(key, count, kind="FloatStorage", shape=None, strides=(1,), offset=0):
    """Returns the part of a pickle that makes a tensor, of shape (count,) by default."""
    numbers = b"".join(b"J" + struct.pack("<i", n) for n in shape or (count,)) + b"t"
    steps = b"".join(b"J" + struct.pack("<i", n) for n in strides) + b"t"
    number = count.to_bytes(9, "little", signed=True)
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\n" + kind.encode() + b"\nX"
        + struct.pack("<I", len(key)) + key + b"U\x03cpu\x8a\x09" + number + b"tQJ"
        + struct.pack("<i", offset) + b"(" + numbers + b"(" + steps + b"\x89}tR"
    )  # fmt: skip


def torch_pickle(*tensors):
    items = b"".join(b"X\x02\0\0\0t%c" % (65 + i) + t for i, t in enumerate(tensors))
    return b"\x80\x02}(" + items + b"u."


def torch_zip(text, members=(), method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a/data.pkl", text)
        for name, content in members:
            archive.writestr(f"a/data/{name}", content)
    return out.getvalue()


def test_the_hand_written_files_are_readable_when_whole():
    content = np.arange(6, dtype="<f4")
    text = torch_pickle(tensor(b"0", 6, shape=(2, 3), strides=(3, 1)), tensor(b"0", 6))
    found = torch_file.read_tensors(torch_zip(text, [("0", content.tobytes())]), MOST)
    np.testing.assert_array_equal(found["tA"], content.reshape(2, 3))
    np.testing.assert_array_equal(found["tB"], content)


def test_a_zip_archive_that_unpacks_to_more_is_refused():
    zeros = bytes(40 << 20)
    text = torch_pickle(tensor(b"0", 10 << 20), tensor(b"1", 10 << 20))
    data = torch_zip(text, [("0", zeros), ("1", zeros)], zipfile.ZIP_DEFLATED)
    assert len(data) < 1 << 20
    refused(torch_file.read_tensors, data, "storage 1 larger than allowed", 100 << 20)
    text = torch_pickle(tensor(b"0", 1 << 62, shape=(1,)))
    refused(torch_file.read_tensors, torch_zip(text, [("0", b"")]), "larger than allowed")
    refused(torch_file.read_tensors, torch_zip(zeros, (), zipfile.ZIP_DEFLATED), "unexpected size")


def test_a_storage_is_read_once():
    text = torch_pickle(*[tensor(b"0", 1 << 20)] * 50)
    data = torch_zip(text, [("0", bytes(4 << 20))])
    with little_memory(20 << 20):
        assert len(torch_file.read_tensors(data, MOST)) == 50
    text = torch_pickle(tensor(b"0", 1 << 20), tensor(b"0", 1 << 19))
    refused(torch_file.read_tensors, torch_zip(text, [("0", bytes(4 << 20))]), "two sizes", 1 << 24)


def test_unusual_zip_archives_are_refused():
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        data = torch_zip(torch_pickle(), (), method)
        refused(torch_file.read_tensors, data, "an unusual compression")
    many = torch_zip(torch_pickle(), [(str(i), b"") for i in range(11_000)])
    refused(torch_file.read_tensors, many, "more than 10000 files")


def test_very_long_numbers_are_refused():
    """Multiplying them would take hours, and printing them a quarter of an hour."""
    long = b"\x8b" + struct.pack("<i", 1 << 20) + b"\x7f" * (1 << 20)
    start = tensor(b"0", 6).split(b"Q")[0] + b"Q"
    for arguments in (
        long + b"\x85" + long + b"\x85",  # shape, strides
        b"K\0K\1\x85" + long + b"\x85",
    ):
        text = b"\x80\x02}U\x01t" + start + b"K\0" * arguments.startswith(long) + arguments
        data = torch_zip(text + b"\x89}tRs.", [("0", bytes(24))])
        refused(torch_file.read_tensors, data, "outside its storage")
    storage = b"(U\x07storagectorch\nFloatStorage\nX\1\0\0\x000U\3cpu" + long + b"tQ."
    refused(torch_file.read_tensors, torch_zip(b"\x80\x02" + storage), "larger than allowed")


def legacy(text, keys=()):
    """Returns a file in the older layout, up to the keys of its storages."""
    head = [pickle.dumps(x, 2) for x in (torch_file._LEGACY_MAGIC, 1001, {"little_endian": True})]
    return b"".join(head) + text + (keys if isinstance(keys, bytes) else pickle.dumps(keys, 2))


def test_the_older_layout_may_not_declare_more_than_it_holds():
    text = torch_pickle(*[tensor(b"%d" % i, 1 << 20) for i in range(30)])
    refused(torch_file.read_tensors, legacy(text) + bytes(5 << 20), "larger than", 40 << 20)
    deep = b"\x80\x02](" + b")" + b"\x85" * 200_000 + b"e."
    refused(torch_file.read_tensors, legacy(torch_pickle(), deep), "key of a storage", 40 << 20)


@pytest.mark.parametrize(
    "pid",
    [
        b"K\1",
        b"(K\1K\2K\3K\4K\5t",
        b"(U\x07storageU\x0cFloatStorageU\x010U\3cpuK\6t",  # a text instead of a type
        b"(U\x07storagectorch\nFloatStorage\n" + b"K\1" + b"2\x86" * 60 + b"U\3cpuK\6t",
        b"(U\x07storagectorch\nFloatStorage\nU\x010U\3cpuK\6K\7t",
    ],
)
def test_malformed_storages_are_refused(pid):
    text = torch_zip(b"\x80\x02}U\1t" + pid + b"Qs.")
    refused(torch_file.read_tensors, text, "something other than storages")


def graph(change=lambda name, proto: None):
    """Returns a graph with all constants, one number each, after `change` of each."""
    out = tf.compat.v1.GraphDef()
    names = ["softmax/weights", "softmax/biases"]
    for scope in frozen_graph.SCOPES.values():
        names.append(f"{scope}/conv2d_params")
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        names += [f"{scope}/batchnorm/{part}" for part in parts]
    for name in names:
        node = out.node.add(name=name, op="Const")
        proto = node.attr["value"].tensor
        proto.dtype = tf.float32.as_datatype_enum
        for _ in range(4 if name.endswith("params") else 1):
            proto.tensor_shape.dim.add(size=1)
        proto.float_val.append(0.5)
        change(name, proto)
    return out.SerializeToString()


def test_a_constant_given_by_one_number_is_repeated():
    def larger(name, proto):
        proto.tensor_shape.dim[0].size = 7
        proto.float_val[0] = len(name)

    found = frozen_graph.read_tensors(graph(larger), MOST)
    np.testing.assert_array_equal(found["fc.bias"], np.full(7, len("softmax/biases"), np.float32))


def test_many_large_constants_are_refused():
    def huge(name, proto):
        proto.tensor_shape.dim[0].size = 1 << 23

    data = graph(huge)
    assert len(data) < 50_000
    refused(frozen_graph.read_tensors, data, "a shape .* that is too large", 140 << 20)


@pytest.mark.parametrize(
    "change, match",
    [
        (lambda proto: setattr(proto, "dtype", tf.string.as_datatype_enum), "no float32"),
        (lambda proto: setattr(proto, "dtype", tf.float64.as_datatype_enum), "no float32"),
        (lambda proto: setattr(proto.tensor_shape.dim[0], "size", -1), "too large"),
        (lambda proto: setattr(proto.tensor_shape.dim[0], "size", 1 << 62), "too large"),
        (lambda proto: setattr(proto, "tensor_content", b"12345"), "5 bytes instead of"),
        (lambda proto: proto.float_val.pop(), "0 bytes instead of"),
        (lambda proto: proto.float_val.extend([1, 2]), "12 bytes instead of"),
        (lambda proto: [proto.tensor_shape.dim.add(size=1) for _ in range(5)], "dimensions"),
        (lambda proto: [proto.tensor_shape.dim.add(size=1) for _ in range(99)], "fields"),
    ],
)
def test_malformed_constants_are_refused(change, match):
    data = graph(lambda name, proto: change(proto) if name == "softmax/biases" else None)
    refused(frozen_graph.read_tensors, data, f"constant softmax/biases .*{match}")


def test_a_graph_of_many_tiny_nodes_is_refused():
    refused(frozen_graph.read_tensors, b"\x0a\x00" * 3_000_000, "more than 20000 fields")


def tar(*members, **options):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", **options) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_archives_that_unpack_to_more_are_refused():
    bomb = gzip.compress(bytes(MOST + 1))
    refused(frozen_graph.read_tensors, bomb, "more than 67108864 bytes", 80 << 20)
    info = tarfile.TarInfo(frozen_graph.GRAPH_FILE)
    info.size = 512
    # Sparse, declared by a POSIX header: 2^40 bytes, of which the archive holds 512.
    info.pax_headers = {
        "GNU.sparse.map": "0,512",
        "GNU.sparse.size": str(1 << 40),
        "GNU.sparse.numblocks": "1",
    }
    sparse = tar((info, bytes(512)), format=tarfile.PAX_FORMAT)
    with tarfile.open(fileobj=io.BytesIO(sparse)) as archive:
        assert archive.next().size == 1 << 40
    refused(frozen_graph.read_tensors, gzip.compress(sparse), "larger than the archive")


def test_archives_of_many_files_are_not_listed():
    many = tar(*[(tarfile.TarInfo(str(i)), b"") for i in range(2000)])
    graph_ = tarfile.TarInfo(frozen_graph.GRAPH_FILE)
    graph_.size = 3
    late = many[: 2000 * 512] + tar((graph_, b"abc"))
    refused(frozen_graph.read_tensors, gzip.compress(late), "without classify_image")


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(inception_weights, "_MOST_BYTES", 1 << 20)
    with open(tmp_path / "weights.pth", "wb") as file:
        file.truncate(1 << 40)  # sparse: takes no space on the disk
    with little_memory(3 << 20), pytest.raises(UserError, match="it has more than 1 MiB"):
        inception_weights.read(tmp_path / "weights.pth")
