"""Pickles: arrays and plain values are read; anything else is refused and not executed."""

import collections
import io
import os
import pickle
import pickletools
import tracemalloc

import made_up
import numpy as np
import pytest

from pgan_tf import safe_pickle
from pgan_tf.errors import UserError

VALUE = {
    "ints": np.arange(6, dtype=np.int16).reshape(2, 3),
    "fortran": np.asfortranarray(np.random.RandomState(0).rand(3, 4)),
    "big": np.arange(5, dtype=">u4"),
    "empty": np.zeros((0, 3), np.float32),
    "scalar": np.float32(2.5),
    "bool": np.array([True, False]),
    "text": np.array(["a", "bc"]),
    "plain": [None, True, 1, -(2**70), 2.5, "x", b"\xff", (1, (2,)), {"k": [3]}, b""],
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_plain_values_round_trip(tmp_path, protocol):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(VALUE, protocol))
    loaded = safe_pickle.load(tmp_path / "x.pkl")
    assert loaded.keys() == VALUE.keys() and loaded["plain"] == VALUE["plain"]
    for name, array in VALUE.items():
        if name != "plain":
            np.testing.assert_array_equal(loaded[name], array)
            assert loaded[name].dtype.kind == array.dtype.kind
            assert loaded[name].dtype.itemsize == array.dtype.itemsize
    assert not loaded["ints"].dtype.hasobject
    assert (loaded["ints"] + 1).tolist() == (VALUE["ints"] + 1).tolist()  # usable like any array


def test_reads_through_gfile():
    import tensorflow as tf

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with tf.io.gfile.GFile("ram://pickles/x.pkl", "wb") as file:
            file.write(pickle.dumps(VALUE, protocol))
        loaded = safe_pickle.load("ram://pickles/x.pkl")
        np.testing.assert_array_equal(loaded["fortran"], VALUE["fortran"])


def test_reads_what_python_2_wrote(tmp_path):
    value = {"data": np.arange(12, dtype=np.uint8).reshape(3, 4), "labels": [1, 2, -3]}
    made_up.python2_pickle(tmp_path / "x.pkl", value)
    loaded = safe_pickle.load(tmp_path / "x.pkl")
    np.testing.assert_array_equal(loaded["data"], value["data"])
    assert loaded["labels"] == [1, 2, -3]


def test_a_huge_memo_index_is_harmless(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02Nr\xff\xff\xff\x7f.")
    assert safe_pickle.load(tmp_path / "x.pkl") is None


@pytest.mark.parametrize(
    "payload, message",
    [
        (
            b"\x80\x02})" + b"\x85" * 200_000 + b"K\1s.",
            "keys that are neither text nor small whole numbers",
        ),
        (b"\x80\x02}(K\1)u.", None),
        (b"\x80\x04\x8f.", "sets"),
        (b"\x80\x04(K\1\x91.", "sets"),
    ],
)
def test_keys_are_plain_and_sets_are_refused(tmp_path, payload, message):
    (tmp_path / "x.pkl").write_bytes(payload)
    if message is None:
        assert safe_pickle.load(tmp_path / "x.pkl") == {1: ()}
        return
    with pytest.raises(UserError, match=f"asks for {message}"):
        safe_pickle.load(tmp_path / "x.pkl")


def test_nested_lists_are_not_expanded(tmp_path):
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02K\1" + b"2\x86" * 40 + b".")
    nested = safe_pickle.load(tmp_path / "x.pkl")
    for value in (nested, [nested], [1.5], [1 << 70], "text", None):
        with pytest.raises(ValueError, match="list of whole numbers"):
            safe_pickle.as_array(value)
    np.testing.assert_array_equal(safe_pickle.as_array([3, -1]), [3, -1])


def test_reads_protocol_0_of_python_2(tmp_path):
    reduced = b"(dp0\nS'labels'\np1\n(lp2\nI3\naI7\nasS'data'\np3\nS'\\x00\x80\xff\\n'\np4\ns."
    (tmp_path / "x.pkl").write_bytes(reduced)
    assert safe_pickle.load(tmp_path / "x.pkl") == {"labels": [3, 7], "data": "\0\x80\xff\n"}


class _Call:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


def _refused(path, payload, match="refused, and nothing was executed"):
    path.write_bytes(payload)
    with pytest.raises(UserError, match=match) as caught:
        safe_pickle.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda path: _Call(os.system, f"touch {path}"),
        lambda path: _Call(open, str(path), "w"),
        lambda path: _Call(eval, f"open({str(path)!r}, 'w')"),
        lambda path: _Call(np.save, str(path), 1),
        lambda path: _Call(np.load, str(path)),
        lambda path: _Call(collections.OrderedDict, []),
        lambda path: _Call(getattr, 1, "real"),
        lambda path: np.array([_Call(open, str(path), "w")], object),
        lambda path: np.zeros(2, [("a", "i4")]),
        lambda path: {1, 2},
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 3])
def test_calls_are_refused(tmp_path, call, protocol):
    touched = tmp_path / "touched"
    _refused(tmp_path / "x.pkl", pickle.dumps([VALUE, call(touched)], protocol))
    assert not touched.exists()


@pytest.mark.parametrize(
    "payload",
    [
        b"cos\nsystem\n.",  # a name without a call
        b"c__builtin__\neval\n.",
        b"cpgan_tf.safe_pickle\npickle.loads\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.tobytes\x93.",
        b"cnumpy.core.multiarray\n_reconstruct\n}(U\x08__code__K\x01ub.",  # sets an attribute
        b"cnumpy\ndtype\nN}U\x0c__defaults__K\x01s\x86b.",
        b"cnumpy\nndarray\n(K\x01tR.",
        b"cnumpy\ndtype\n(U\x01OtR.",
        b"cnumpy\ndtype\n(U\x06(2,)i4tR.",
        b"c_codecs\nencode\n(U\x01aU\x04zlibtR.",
        b"Pid\n.",  # a persistent id
        b"\x82\x01.",  # an extension code
    ],
)
def test_hostile_opcodes_are_refused(tmp_path, payload):
    _refused(tmp_path / "x.pkl", payload, match="refused|not a complete pickle")


def test_an_array_whose_bytes_do_not_fit_its_shape_is_refused(tmp_path):
    array = np.arange(8, dtype=np.uint8)
    for fake in (b"K\x09\x85", b"J\xff\xff\xff\x7f\x85"):  # shapes (9,) and (2^31 - 1,)
        payload = pickle.dumps(array, 2)
        assert payload.count(b"K\x08\x85") == 1
        _refused(tmp_path / "x.pkl", payload.replace(b"K\x08\x85", fake), "not a complete pickle")


def test_damage_never_escapes_as_another_error(tmp_path):
    random = np.random.RandomState(0)
    payload = pickle.dumps(VALUE, 2)
    path = tmp_path / "x.pkl"
    outcomes = collections.Counter()
    for _ in range(500):
        damaged = bytearray(payload)
        for _ in range(random.randint(1, 4)):
            damaged[random.randint(len(damaged))] = random.randint(256)
        path.write_bytes(damaged[: random.randint(1, len(damaged) + 1)])
        try:
            safe_pickle.load(path)
            outcomes["loaded"] += 1
        except UserError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 300  # of 500: some damage changes only values


def bounded(path, payload, match="not a complete pickle", most_bytes=64 << 20):
    """Asserts that a pickle is refused in one line and without taking memory."""
    path.write_bytes(payload)
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=match) as caught:
            safe_pickle.load(path)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


COLLIDING = [i * ((1 << 61) - 1) for i in range(1, 5000)]  # all have the hash 0


@pytest.mark.parametrize(
    "values, match",
    [
        ([{key: None for key in COLLIDING}], "keys that are neither text nor small whole"),
        ([{float(i) * 2.0**61: 1 for i in range(1, 50)}], "keys that are neither text nor small"),
        ([{i: None for i in range(3000)}, {i: None for i in range(3000)}], "numbers as keys"),
        ([{i: None} for i in range(5000)], "numbers as keys"),
    ],
)
def test_many_or_large_numbers_as_keys_are_refused(tmp_path, values, match):
    """Thousands of keys with the same hash would take minutes."""
    bounded(tmp_path / "x.pkl", pickle.dumps(values, 2), match)


def test_memo_indices_must_be_in_order(tmp_path):
    puts = b"".join(b"p%d\n" % number for number in COLLIDING)
    bounded(tmp_path / "x.pkl", b"N" + puts + b".", "out of order")
    (tmp_path / "x.pkl").write_bytes(b"N" + b"".join(b"p%d\n" % i for i in range(2000)) + b".")
    assert safe_pickle.load(tmp_path / "x.pkl") is None


@pytest.mark.parametrize(
    "payload",
    [
        b"]" * 3_000_000,  # lists of 56 bytes each
        b"N" + b"\x94" * 3_000_000,  # memo entries of a hundred bytes each
        b"\x80\x05\x95" + (3_000_000).to_bytes(8, "little") + b"}" * 3_000_000,
    ],
)
def test_too_many_operations_are_refused(tmp_path, payload, monkeypatch):
    monkeypatch.setattr(safe_pickle, "_MOST_OPERATIONS", 20_000)
    bounded(tmp_path / "x.pkl", payload, "more than 20000 operations", 12 << 20)


@pytest.mark.parametrize("code", [b"B", b"\x8e", b"\x8d", b"\x96", b"T", b"X", b"\x95", b"\x8b"])
def test_a_length_beyond_the_file_takes_no_memory(tmp_path, code):
    for length in ((1 << 31) - 1, 1 << 40, (1 << 64) - 1):
        width = 8 if code in b"\x8e\x8d\x96\x95" else 4
        field = length.to_bytes(8, "little")[:width]
        bounded(tmp_path / "x.pkl", b"\x80\x05" + code + field + b"abc.", most_bytes=1 << 20)


def test_converting_the_same_text_many_times_is_refused(tmp_path):
    """A text in the memo is turned into bytes a thousand times."""
    text = b"\x80\x02X" + (1 << 20).to_bytes(4, "little") + b"a" * (1 << 20) + b"q\x000"
    bounded(tmp_path / "x.pkl", text + b"c_codecs\nencode\nh\x00\x85R" * 1000 + b".", "far more")
    array = pickle.dumps(np.zeros(1 << 20, np.uint8), 2)
    state = b"(K\x01J\x00\x00\x10\x00\x85cnumpy\ndtype\nU\x02u1\x85Rh\x00h\x00t"
    array = b"cnumpy.core.multiarray\n_reconstruct\nNNN\x87R" + state + b"b"
    bounded(tmp_path / "x.pkl", text + array * 1000 + b".", "far more")


def test_passing_a_long_list_many_times_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_pickle, "_MOST_OPERATIONS", 50_000)
    long = b"\x80\x02](" + b"N" * 10_000 + b"eq\x000"
    calls = b"cnumpy\nndarray\nh\x00\x85R0" * 1000
    bounded(tmp_path / "x.pkl", long + calls + b".", "numpy.ndarray|operations")
    state = b"cnumpy\ndtype\nU\x02u1\x85R" + b"h\x00b" * 10_000
    bounded(tmp_path / "x.pkl", long + state + b".", "operations")


DOUBLED = b"K\x01" + b"2\x86" * 60  # nested pairs of the same object: 2^60 numbers when printed


@pytest.mark.parametrize(
    "payload",
    [
        b"cnumpy\ndtype\n" + DOUBLED + b"\x85R.",
        b"c_codecs\nencode\nU\x01a" + DOUBLED + b"\x86R.",
        b"cnumpy.core.multiarray\nscalar\n" + DOUBLED + DOUBLED + b"\x86R.",
        b"cnumpy.core.multiarray\n_reconstruct\nNNN\x87RN" + DOUBLED + b"s.",  # array[None] = ...
        b"cnumpy.core.multiarray\n_reconstruct\nNNN\x87R" + DOUBLED + b"a.",
        b"cnumpy.core.numeric\n_frombuffer\n(U\x01acnumpy\ndtype\nU\x02u1\x85R"
        + DOUBLED + b"U\x01CtR.",
        b"}" + DOUBLED + b"Ns.",
    ],
)  # fmt: skip
def test_values_too_large_to_print_are_not_printed(tmp_path, payload):
    bounded(tmp_path / "x.pkl", b"\x80\x02" + payload, "refused|not a complete pickle", 1 << 20)


def test_files_above_the_limit_are_refused(tmp_path):
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(VALUE))
    with pytest.raises(UserError, match=r"x.pkl is too large: \d+ bytes; at most 99 are allowed"):
        safe_pickle.load(tmp_path / "x.pkl", most_bytes=99)


def test_an_open_file_is_left_behind_its_pickle():
    first = {"a": np.arange(9.0)}
    file = io.BytesIO(b"header" + pickle.dumps(first) + pickle.dumps([2], 4) + b"rest")
    file.seek(6)
    np.testing.assert_array_equal(safe_pickle.load(file)["a"], first["a"])
    assert safe_pickle.load(file) == [2] and file.read() == b"rest"
    with pytest.raises(UserError, match="the pickle is not a complete pickle"):
        safe_pickle.load(io.BytesIO(pickle.dumps(first)), most_bytes=60)


def test_out_of_memory_is_not_reported_as_damage(tmp_path):
    class Full:
        def __setstate__(self, state):
            raise MemoryError

    (tmp_path / "x.pkl").write_bytes(b"\x80\x02cfull\nFull\n)\x81Nb.")
    with pytest.raises(MemoryError):
        safe_pickle.load(tmp_path / "x.pkl", {("full", "Full"): Full})


def test_ordered_dictionaries_are_read():
    value = collections.OrderedDict([("b", 1), ("a", 2)])
    stand_ins = {("collections", "OrderedDict"): safe_pickle.Dictionary}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        loaded = safe_pickle.load(io.BytesIO(pickle.dumps(value, protocol)), stand_ins)
        assert list(loaded.items()) == list(value.items())
    # Python 2 wrote the pairs as an argument.
    pairs = b"\x80\x02ccollections\nOrderedDict\n]](U\x01bK\x01ea\x85R."
    assert safe_pickle.load(io.BytesIO(pairs), stand_ins) == {"b": 1}
    nested = b"\x80\x02ccollections\nOrderedDict\n]](" + b")" + b"\x85" * 200_000 + b"Nea\x85R."
    with pytest.raises(UserError, match="asks for keys that are not text"):
        safe_pickle.load(io.BytesIO(nested), stand_ins)


def test_a_class_gets_no_attributes():
    class Keep:
        pass

    payload = b"\x80\x02ctfutil\nNetwork\nN}U\x01xK\x01s\x86b."
    with pytest.raises(UserError, match="attributes of a class"):
        safe_pickle.load(io.BytesIO(payload), {("tfutil", "Network"): Keep})
    assert not hasattr(Keep, "x")


def test_stand_ins_keep_the_state_of_objects(tmp_path):
    class Keep:
        def __setstate__(self, state):
            self.state = state

    # The official program's Network objects have this form: an object and its state.
    payload = b"\x80\x02ctfutil\nNetwork\n)\x81}U\x04nameU\x01Gsb."
    assert "NEWOBJ" in {op.name for op, _, _ in pickletools.genops(payload)}
    (tmp_path / "x.pkl").write_bytes(payload)
    loaded = safe_pickle.load(tmp_path / "x.pkl", {("tfutil", "Network"): Keep})
    assert loaded.state == {"name": "G"}
    _refused(tmp_path / "x.pkl", payload, r"asks for tfutil\.Network")
