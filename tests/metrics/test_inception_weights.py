import hashlib
import io
import pickle
import struct
import sys
import tarfile
import types
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from metrics import frozen_graph, inception_weights, torch_file
from metrics.inception import BATCH_NORM_EPSILON
from pgan_tf.errors import UserError

MOST = 1 << 24


@pytest.fixture
def torch_names(monkeypatch):
    """Stand-ins for PyTorch's function and storage class, importable by Python's pickler."""

    def rebuild(*args):
        raise AssertionError("the reader must not call this")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    storage = type("FloatStorage", (), {"__module__": "torch"})
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch._utils, torch.FloatStorage, utils._rebuild_tensor_v2 = utils, storage, rebuild
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return rebuild, storage


def pickled(arrays, torch_names):
    """Returns the pickle that `torch.save` makes of {name: float32 array}.

    The numbers of array i are in the storage named i.
    """
    rebuild, storage = torch_names

    class Tensor:
        def __init__(self, key, array):
            self.key, self.array = key, array

        def __reduce__(self):
            strides = tuple(s // 4 for s in np.zeros(self.array.shape, np.float32).strides)
            storage_ = Storage(self.key, self.array.size)
            return rebuild, (storage_, 0, self.array.shape, strides, False, {})

    class Storage:
        def __init__(self, key, size):
            self.key, self.size = key, size

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return "storage", storage, value.key, "cpu", value.size
            return None

    buffer = io.BytesIO()
    Pickler(buffer, 2).dump({name: Tensor(str(i), a) for i, (name, a) in enumerate(arrays.items())})
    return buffer.getvalue()


def write_torch_zip(path, arrays, torch_names):
    """Writes a state dictionary of float32 arrays as `torch.save` does."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(arrays, torch_names))
        for i, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{i}", array.astype("<f4").tobytes())


def legacy_torch_file(arrays, torch_names):
    """Returns a file of the same content in PyTorch's older layout."""
    system = {"protocol_version": 1001, "little_endian": True}
    head = [pickle.dumps(x, 2) for x in (torch_file._LEGACY_MAGIC, 1001, system)]
    keys = pickle.dumps([str(i) for i in range(len(arrays))], 2)
    storages = [struct.pack("<q", a.size) + a.astype("<f4").tobytes() for a in arrays.values()]
    return b"".join([*head, pickled(arrays, torch_names), keys, *storages])


def write_frozen_graph(path, parameters, scale=True):
    """Writes weights as constants of a graph, with the names of the 2015-12-05 graph."""
    graph = tf.compat.v1.GraphDef()

    def constant(name, array):
        node = graph.node.add(name=name, op="Const")
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.ascontiguousarray(array)))

    for name, scope in frozen_graph.SCOPES.items():
        conv = parameters[f"{name}.conv.weight"]
        constant(f"{scope}/conv2d_params", conv.transpose(2, 3, 1, 0))
        norm = graph.node.add(name=f"{scope}/batchnorm", op="BatchNormWithGlobalNormalization")
        norm.attr["scale_after_normalization"].b = scale
        norm.attr["variance_epsilon"].f = BATCH_NORM_EPSILON
        for ours, theirs in (
            ("weight", "gamma"),
            ("bias", "beta"),
            ("running_mean", "moving_mean"),
            ("running_var", "moving_variance"),
        ):
            constant(f"{scope}/batchnorm/{theirs}", parameters[f"{name}.bn.{ours}"])
    constant("softmax/weights", parameters["fc.weight"].T)
    constant("softmax/biases", parameters["fc.bias"])
    path.write_bytes(graph.SerializeToString())


def hash_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_reads_what_torch_save_writes(golden, layout, pytestconfig):
    path = pytestconfig.rootpath / f"tests/golden/inception_torch_{layout}.pth"
    expected = golden("inception_torch_expected.npz")
    found = torch_file.read_tensors(path.read_bytes(), MOST)
    assert set(found) == set(expected)
    for name, array in found.items():
        assert array.shape == expected[name].shape
        np.testing.assert_array_equal(array, expected[name])


def test_a_file_of_the_older_layout_that_is_cut_short_is_refused(torch_names):
    arrays = {"a": np.arange(3, dtype=np.float32), "b": np.arange(5, dtype=np.float32)}
    data = legacy_torch_file(arrays, torch_names)
    found = torch_file.read_tensors(data, MOST)
    np.testing.assert_array_equal(found["b"], arrays["b"])
    for left_out in (1, 4, 16, 20):  # 16 leaves one number, which NumPy could repeat for all
        with pytest.raises(torch_file.TorchFileError, match="cut short in storage 1"):
            torch_file.read_tensors(data[:-left_out], MOST)


@pytest.mark.slow
def test_both_files_give_the_same_network(tmp_path, inception_parameters, torch_names):
    torch_path, graph_path = tmp_path / "weights.pth", tmp_path / frozen_graph.GRAPH_FILE
    write_torch_zip(torch_path, inception_parameters, torch_names)
    write_frozen_graph(graph_path, inception_parameters)
    archive_path = tmp_path / "inception-2015-12-05.tgz"
    with tarfile.open(archive_path, "w:gz", compresslevel=0) as archive:
        archive.add(graph_path, "./" + frozen_graph.GRAPH_FILE)
    for path in (torch_path, graph_path, archive_path):
        parameters, found_hash = inception_weights.read(path, hash_of(path))
        assert found_hash == hash_of(path)
        for name, expected in inception_parameters.items():
            if not name.endswith("num_batches_tracked"):
                np.testing.assert_array_equal(parameters[name], expected, err_msg=name)

    damaged = bytearray(archive_path.read_bytes())  # not compressed: any byte can be unpacked
    damaged[len(damaged) // 2] ^= 1
    archive_path.write_bytes(damaged)
    with pytest.raises(UserError, match=r"damaged archive .*CRC"):
        inception_weights.read(archive_path)


def test_a_constant_that_declares_too_much_is_refused(tmp_path, inception_parameters):
    path = tmp_path / frozen_graph.GRAPH_FILE
    write_frozen_graph(path, inception_parameters)
    graph = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    (node,) = (node for node in graph.node if node.name == "softmax/biases")
    for change in (
        lambda tensor: setattr(tensor.tensor_shape.dim[0], "size", 1 << 40),
        lambda tensor: setattr(tensor, "dtype", 99),
        lambda tensor: tensor.Clear(),
    ):
        tensor = tf.compat.v1.AttrValue()
        tensor.CopyFrom(node.attr["value"])
        change(node.attr["value"].tensor)
        path.write_bytes(graph.SerializeToString())
        with pytest.raises(UserError, match=rf"{path.name}.*softmax/biases|fc.bias of shape"):
            inception_weights.read(path)
        node.attr["value"].CopyFrom(tensor)


def test_unscaled_batch_norm_ignores_gamma(tmp_path, inception_parameters):
    path = tmp_path / "graph.pb"
    write_frozen_graph(path, inception_parameters, scale=False)
    parameters, _ = inception_weights.read(path)
    np.testing.assert_array_equal(parameters["Mixed_5b.branch1x1.bn.weight"], 1)


def test_wrong_hash_is_refused_in_one_line(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(UserError, match=r"^[^\n]*SHA-256[^\n]*--inception-sha256[^\n]*$"):
        inception_weights.read(path)


def test_other_and_damaged_files_are_refused(tmp_path, torch_names):
    path = tmp_path / "weights"
    write_torch_zip(path, {"fc.weight": np.zeros((3, 4), np.float32)}, torch_names)
    with pytest.raises(UserError, match=r"holds fc\.weight of shape \[3, 4\]"):
        inception_weights.read(path, hash_of(path))
    whole = path.read_bytes()
    for damaged, words in (
        (whole[:-30], "is damaged"),
        (b"\x80\x02K\x01.", "not written by torch.save"),
        (b"\x1f\x8b nothing", "damaged archive"),
        (b"\xff" * 100, "not a TensorFlow graph"),
        (tf.compat.v1.GraphDef().SerializeToString(), "no constant softmax/weights"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=words):
            inception_weights.read(path, hash_of(path))
    with pytest.raises(UserError, match="can't read"):
        inception_weights.read(tmp_path / "absent")


class Evil:
    def __reduce__(self):
        return print, ("executed",)


@pytest.mark.parametrize("inner", [False, True])
def test_nothing_in_the_file_is_executed(tmp_path, capsys, inner):
    path = tmp_path / "evil.pth"
    text = pickle.dumps({"fc.weight": Evil()} if inner else Evil(), 2)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", text)
    with pytest.raises(UserError, match="refused, nothing was executed"):
        inception_weights.read(path, hash_of(path))
    path.write_bytes(text)
    with pytest.raises(UserError, match="refused, nothing was executed"):
        inception_weights.read(path, hash_of(path))
    assert "executed\n" not in capsys.readouterr().out


@pytest.mark.parametrize("offset,shape,strides", [(0, (5,), (1,)), (3, (2,), (1,)),
                                                   (0, (2, 2), (3, 1)), (-1, (2,), (1,)),
                                                   (0, (2,), (-1,))])  # fmt: skip
def test_tensors_stay_inside_their_storage(offset, shape, strides):
    with pytest.raises(torch_file.TorchFileError, match="outside"):
        torch_file._rebuild_tensor(np.zeros(4), offset, shape, strides)


def test_a_tensor_needs_a_plain_storage():
    with pytest.raises(torch_file.TorchFileError, match="without a storage"):
        torch_file._rebuild_tensor(np.zeros((100_000, 0)), 0, (64,), (1,))


def test_without_network_the_message_names_address_and_option(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise inception_weights.urllib.error.URLError("no route")

    monkeypatch.setattr(inception_weights.urllib.request, "urlopen", no_network)
    with pytest.raises(UserError) as error:
        inception_weights.load(None, tmp_path / "cache")
    message = str(error.value)
    assert inception_weights.URL in message and "--inception PATH" in message
    assert "\n" not in message
    assert list((tmp_path / "cache").iterdir()) == []


def test_download_is_checked_and_leaves_nothing_behind(tmp_path, monkeypatch):
    class Reply(io.BytesIO):
        headers = {"Content-Length": "9"}  # noqa: RUF012

    monkeypatch.setattr(
        inception_weights.urllib.request, "urlopen", lambda *a, **k: Reply(b"something")
    )
    with pytest.raises(UserError, match="instead of 6726825d"):
        inception_weights.download(tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(inception_weights, "SHA256", hashlib.sha256(b"something").hexdigest())
    assert inception_weights.download(tmp_path).read_bytes() == b"something"


def test_weights_in_the_cache_are_found(tmp_path, inception_parameters):
    write_frozen_graph(tmp_path / frozen_graph.GRAPH_FILE, inception_parameters)
    network = inception_weights.load(None, tmp_path)
    assert network.weights_hash == hash_of(tmp_path / frozen_graph.GRAPH_FILE)
