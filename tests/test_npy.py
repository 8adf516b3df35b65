"""Arrays of .npy files against NumPy's writer; damaged ones are refused without taking memory."""

import io
import tracemalloc

import numpy as np
import pytest

from pgan_tf import npy


def saved(array, version=None):
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(array), version=version)
    return out.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        np.arange(5, dtype=">u2"),
        np.array([True, False]),
        np.array(["a", "bc"]),
        np.zeros((0, 7), np.uint8),
        np.float16(2.5),
        np.array([1 + 2j]),
    ],
    ids=str,
)
def test_reads_what_numpy_writes(array, version):
    found = npy.read(saved(array, version))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype and found.shape == array.shape and found.flags.writeable


def test_reads_what_python_2_wrote():
    content = saved(np.zeros((3, 40), np.uint8)).replace(b"(3, 40), }  ", b"(3L, 40L), }")
    assert npy.read(content).shape == (3, 40)


WHOLE = saved(np.arange(6.0))


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "does not begin"),
        (b"PK\3\4" * 9, "does not begin"),
        (WHOLE[:60], "cut short"),
        (WHOLE[:-1], "don't make float64"),
        (WHOLE + b"x", "don't make float64"),
        (WHOLE.replace(b"(6,)", b"(7,)"), "don't make"),
        (WHOLE.replace(b"(6,), }" + b" " * 14, b"(999999999999999,), }"), "don't make"),
        (WHOLE.replace(b"'<f8'", b"'|O' "), "does not describe an array"),
        (WHOLE.replace(b"'<f8'", b"'<f3'"), "names an unknown type <f3"),
        (WHOLE.replace(b"'<f8'", b"'|S0'")[: len(WHOLE) - 48], "texts of length 0"),
        (WHOLE.replace(b"False", b"-----"), "does not describe an array"),
    ],
)
def test_damage_is_refused_without_taking_memory(content, message):
    assert content != WHOLE
    tracemalloc.start()
    with pytest.raises(ValueError, match=message):
        npy.read(content)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
