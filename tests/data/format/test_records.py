"""The record format against TensorFlow's own writer and reader."""

import numpy as np
import pytest
import tensorflow as tf

from pgan_tf.data.format import records
from pgan_tf.data.format.records import RecordError


def _features(shape, data):
    return {
        "shape": tf.train.Feature(int64_list=tf.train.Int64List(value=shape)),
        "data": tf.train.Feature(bytes_list=tf.train.BytesList(value=[data])),
    }


def _example(features):
    return tf.train.Example(features=tf.train.Features(feature=features))


@pytest.mark.parametrize("channels, resolution", [(1, 4), (3, 4), (3, 8), (1, 64), (3, 256)])
def test_example_bytes_parse_as_tf_train_example(channels, resolution):
    data = np.random.RandomState(0).bytes(channels * resolution**2)
    payload = records.example_bytes(data, (channels, resolution, resolution))
    parsed = tf.train.Example.FromString(payload)
    assert parsed == _example(_features((channels, resolution, resolution), data))
    assert len(payload) == parsed.ByteSize()


def test_encoded_records_are_what_tensorflow_writes(tmp_path):
    images = np.random.RandomState(1).randint(0, 256, (5, 3, 16, 16)).astype(np.uint8)
    path = str(tmp_path / "written.tfrecords")
    with tf.io.TFRecordWriter(path) as writer:
        for image in images:
            writer.write(records.example_bytes(image.tobytes(), image.shape))
    with open(path, "rb") as file:
        assert records.layout(3, 16).encode(images).tobytes() == file.read()


def test_tensorflow_reads_encoded_records(tmp_path):
    images = np.random.RandomState(2).randint(0, 256, (7, 1, 8, 8)).astype(np.uint8)
    path = tmp_path / "ours.tfrecords"
    path.write_bytes(records.layout(1, 8).encode(images).tobytes())
    read = [
        tf.train.Example.FromString(record.numpy()).features.feature["data"].bytes_list.value[0]
        for record in tf.data.TFRecordDataset(str(path))
    ]
    assert read == [image.tobytes() for image in images]


def test_layout_reads_records_with_features_in_the_other_order(tmp_path):
    image = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    payload = records.example_bytes(image.tobytes(), image.shape)
    features = payload[2:]  # after a byte of tag and one of length
    size = features[1] + 2
    swapped = payload[:2] + features[size:] + features[:size]
    assert tf.train.Example.FromString(swapped) == tf.train.Example.FromString(payload)
    record = records.frame(swapped)
    layout = records.Layout.of_record(record)
    assert layout.shape == (3, 4, 4)
    rows = np.frombuffer(record, np.uint8)[None]
    np.testing.assert_array_equal(layout.images(rows)[0], image)
    assert not layout.wrong_structure(rows).any() and not layout.wrong_checksum(rows).any()


def test_parse_reads_unpacked_integers():
    # Int64List {value: 1 value: 4 value: 4}, each value with its own tag, as in proto2.
    shape = b"\x08\x01\x08\x04\x08\x04"
    entry = b"\x0a\x05shape\x12" + bytes([len(shape) + 2]) + b"\x1a" + bytes([len(shape)]) + shape
    data = b"\x0a\x04data\x12\x14\x0a\x12\x0a\x10" + bytes(16)
    features = b"".join(b"\x0a" + bytes([len(part)]) + part for part in (entry, data))
    payload = b"\x0a" + bytes([len(features)]) + features
    assert tf.train.Example.FromString(payload) == _example(_features((1, 4, 4), bytes(16)))
    assert records.parse_example(payload).shape == (1, 4, 4)


def test_parse_reads_the_codec():
    payload = records.example_bytes(b"packed", (3, 32, 32), "png")
    example = records.parse_example(payload)
    assert (example.codec, example.shape) == ("png", (3, 32, 32))
    assert payload[example.data_start :][: example.data_length] == b"packed"


def test_any_flipped_bit_raises_or_fails_the_checksum():
    random = np.random.RandomState(3)
    record = records.frame(records.example_bytes(random.bytes(48), (3, 4, 4)))
    for _ in range(2000):
        damaged = bytearray(record)
        damaged[random.randint(len(record))] ^= 1 << random.randint(8)
        try:
            layout = records.Layout.of_record(bytes(damaged))
        except RecordError:
            continue
        assert layout.wrong_checksum(np.frombuffer(damaged, np.uint8)[None]).all()


def test_noise_and_cut_records_raise_record_error():
    random = np.random.RandomState(4)
    payload = records.example_bytes(random.bytes(48), (3, 4, 4))
    for cut in range(len(payload)):
        with pytest.raises(RecordError):
            records.parse_example(payload[:cut])
    for _ in range(500):
        with pytest.raises(RecordError):
            records.parse_example(random.bytes(random.randint(100)))
    with pytest.raises(RecordError, match="cut short"):
        records.framed_length(b"123")
    with pytest.raises(RecordError, match="not a TFRecord"):
        records.framed_length(bytes(range(12)))
