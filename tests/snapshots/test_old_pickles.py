"""Pickles of the official programs, against the images and scores of those programs."""

import io
import pickle
import zipfile

import numpy as np
import old_pickles
import pytest
from conftest import GOLDEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgan_tf import load_snapshot
from pgan_tf.errors import UserError
from pgan_tf.snapshots import read_parts

TENSORFLOW = ("net_rgb32", "net_gray16_cond")
ALL = (*TENSORFLOW, "theano_legacy")


def nhwc(images):
    return np.ascontiguousarray(np.transpose(images, [0, 2, 3, 1]))


@pytest.fixture(scope="module")
def loaded():
    """The snapshot of each golden pickle, by name."""
    return {name: load_snapshot(GOLDEN / f"{name}.pkl") for name in ALL}


@pytest.fixture(scope="module")
def states():
    """The states of each golden pickle's networks, read by Python's own unpickler."""
    return {
        name: old_pickles.load(GOLDEN / f"{name}.pkl", "network" if "theano" in name else "tfutil")
        for name in ALL
    }


@pytest.mark.parametrize("name", TENSORFLOW)
def test_tensorflow_pickles_give_the_official_images_and_scores(name, loaded, golden):
    snapshot, expected = loaded[name], golden(f"{name}_pkl_expected.npz")
    labels = expected["labels"] if snapshot.Gs.label_size else None
    images = snapshot.Gs(expected["latents"], labels)
    np.testing.assert_allclose(images, nhwc(expected["images_Gs_lod0"]), rtol=0, atol=1e-4)
    assert snapshot.lod == 0 and snapshot.config is None and snapshot.kimg is None
    # Another golden file has images and scores of the same networks at every lod.
    arrays = golden(f"{name}.npz")
    labels = arrays["labels"] if snapshot.G.label_size else None
    for lod in arrays["lods"].tolist():
        size = snapshot.G.resolution >> int(lod)
        scale = snapshot.G.resolution // size
        images = snapshot.G(arrays["latents"], labels, lod=lod).numpy()
        enlarged = images.repeat(scale, axis=1).repeat(scale, axis=2)
        expected = nhwc(arrays[f"out/G/lod{lod:.3f}"])
        np.testing.assert_allclose(enlarged, expected, rtol=0, atol=1e-4)
        n, r, _, c = expected.shape
        small = nhwc(arrays["images"]).reshape(n, size, r // size, size, r // size, c)
        scores, logits = snapshot.D(small.mean(axis=(2, 4)), lod=lod)
        for found, key in ((scores[:, None], "D_scores"), (logits, "D_labels")):
            expected = arrays[f"out/{key}/lod{lod:.3f}"]
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_theano_pickles_give_the_official_images_and_scores(loaded, golden):
    snapshot, expected = loaded["theano_legacy"], golden("theano_legacy_expected.npz")
    for network, key in ((snapshot.G, "G_out"), (snapshot.Gs, "Gs_out")):
        images = network(expected["latents"])
        np.testing.assert_allclose(images, nhwc(expected[key]), rtol=0, atol=1e-4)
    scores, _ = snapshot.D(nhwc(expected["images"]))
    np.testing.assert_allclose(scores, expected["D_scores"][:, 0], rtol=0, atol=1e-4)
    assert snapshot.D.options.mbstd_group_size == 16 and not snapshot.D.options.fused_scale


def assert_equal(a, b):
    """Asserts that the networks of two files are bitwise equal."""
    assert a.lod == b.lod and a.networks.keys() == b.networks.keys()
    for name, own in a.networks.items():
        other = b.networks[name]
        assert own.arguments == other.arguments and own.arrays.keys() == other.arrays.keys()
        for key, array in own.arrays.items():
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, other.arrays[key])


@pytest.mark.parametrize("name", ALL)
def test_every_pickle_protocol_and_python_2_give_the_same(name, states, tmp_path):
    expected = read_parts(GOLDEN / f"{name}.pkl")
    module = "network" if "theano" in name else "tfutil"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = old_pickles.dump(tmp_path / "x.pkl", states[name], protocol, module)
        assert_equal(read_parts(path), expected)
        old_names = path.read_bytes().replace(b"numpy._core", b"numpy.core")
        if protocol < 4:  # later protocols store lengths of names and frames
            path.write_bytes(old_names)
            assert_equal(read_parts(path), expected)
    path = old_pickles.dump_python2(tmp_path / "x.pkl", states[name], module)
    assert_equal(read_parts(path), expected)


def test_the_lod_of_a_growing_network_is_kept(states, tmp_path):
    """The official `lod` counts from the finest level, like ours."""
    changed = [dict(state) for state in states["net_gray16_cond"]]
    for state in changed:
        state["variables"] = [("lod", np.float32(1.5)), *state["variables"][1:]]
    snapshot = load_snapshot(old_pickles.dump(tmp_path / "x.pkl", changed, 4))
    assert snapshot.lod == 1.5
    images = snapshot.Gs(np.zeros([1, 24], np.float32), np.eye(5, dtype=np.float32)[:1])
    assert images.shape == (1, 8, 8, 1)
    theano = [
        {**state, "toplevel_params": {"cur_lod": np.float32(1)}}
        for state in states["theano_legacy"]
    ]
    assert read_parts(old_pickles.dump(tmp_path / "x.pkl", theano, 2, "network")).lod == 1


def test_theano_networks_without_wscale_or_sizes_are_read(states, tmp_path):
    """Each layer has only two arrays, whose shapes give the numbers of feature maps."""
    expected = read_parts(GOLDEN / "theano_legacy.pkl")
    plain = []
    for state in states["theano_legacy"]:
        spec = {k: v for k, v in state["build_func_spec"].items() if "fmap" not in k}
        spec.pop("latent_size", None)
        values = state["param_values"]
        values = [v for i, v in enumerate(values) if i % 3 != 1]
        plain.append(
            {**state, "build_func_spec": {**spec, "use_wscale": False}, "param_values": values}
        )
    parts = read_parts(old_pickles.dump(tmp_path / "x.pkl", plain, 2, "network"))
    for name, own in parts.networks.items():
        assert not own.arguments["use_wscale"]
        for key, array in own.arrays.items():
            other = expected.networks[name].arrays[key]
            ratio = array / other  # constant: 1 for a bias, the scale for a weight
            np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-5)
    built = load_snapshot(tmp_path / "x.pkl")
    assert built.Gs.latent_size == 16 and built.Gs.options.fmap_max == 16


OPTIONS = {  # option of an official function -> (value, words of the refusal or None)
    "dtype": ("float16", None), "structure": ("linear", None), "is_template_graph": (True, None),
    "mbstd_num_features": (1, None), "use_leakyrelu": (np.bool_(False), None),
    "pixelnorm_epsilon": (np.float64(1e-4), None), "latent_size": (None, None),
    "fmap_max": ("many", "fmap_max is text"), "fmap_base": (float("nan"), "fmap_base"),
    "fmap_decay": (10**400, "fmap_decay"), "use_wscale": ([1], "use_wscale"),
    "resolution": (2.5, "resolution"), "label_size": (-1, "label_size"),
    "style_mixing_prob": (0.9, "style_mixing_prob, which is not known"),
    "x\n\x1b[31m": (1, r"x\\n\\x1b\[31m, which is not known"),
}  # fmt: skip
IGNORED = {"dtype", "structure", "is_template_graph", "mbstd_num_features"}


@pytest.mark.parametrize("option", OPTIONS)
def test_options_are_mapped_ignored_or_refused(option, states, tmp_path):
    value, message = OPTIONS[option]
    changed = [dict(state) for state in states["net_rgb32"]]
    kind = 1 if option.startswith("mbstd") else 0
    changed[kind]["static_kwargs"] = {**changed[kind]["static_kwargs"], option: value}
    path = old_pickles.dump(tmp_path / "x.pkl", changed, 4)
    if message is None:
        found = read_parts(path).networks["GD"[kind]].arguments
        assert found.get(option, "ignored") == ("ignored" if option in IGNORED else value)
        return
    with pytest.raises(UserError, match=rf"x\.pkl .*{message}") as caught:
        read_parts(path)
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "option", ["tanh_at_end", "use_batchnorm", "use_layernorm", "mbdisc_kernels", "label_size"]
)
def test_unsupported_theano_layers_are_refused_by_name(option, states, tmp_path):
    changed = [dict(state) for state in states["theano_legacy"]]
    kind = 1 if option in ("use_layernorm", "mbdisc_kernels") else 0
    spec = changed[kind]["build_func_spec"]
    for off in (None, False, 0):
        if option != "label_size" or (off == 0 and off is not False):
            changed[kind]["build_func_spec"] = {**spec, option: off}
            read_parts(old_pickles.dump(tmp_path / "x.pkl", changed, 2, "network"))
    changed[kind]["build_func_spec"] = {**spec, option: 5}
    old_pickles.dump(tmp_path / "x.pkl", changed, 2, "network")
    with pytest.raises(UserError, match=option if option != "label_size" else "have labels"):
        read_parts(tmp_path / "x.pkl")


def pickled(value, protocol=2):
    return pickle.dumps(value, protocol)


def torch_zip():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}.")
    return file.getvalue()


STYLEGAN = b"\x80\x03cdnnlib.tflib.network\nNetwork\nq\x00)\x81q\x01}q\x02b."
FOREIGN = {
    "StyleGAN": (STYLEGAN, "x.pkl holds networks of StyleGAN"),
    "StyleGAN, protocol 4": (
        b"\x80\x04\x95\x30\0\0\0\0\0\0\0\x8c\x14dnnlib.tflib.network\x94\x8c\x07Network\x94\x93.",
        "holds networks of StyleGAN",
    ),
    "PyTorch": (torch_zip(), "is a file of PyTorch"),
    "old PyTorch": (
        pickled(0x1950A86A20F9469CFC6C) + pickled(1001) + pickled({}), "is a file of PyTorch",
    ),
    "web page": (b"<!DOCTYPE html><html>", "is a web page"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    "list": (pickled([1, 2]), "not a pickle of networks"),
    "function": (b"cos\nsystem\n(S'touch y'\ntR.", r"asks for os\.system"),
    "text": (b"hello", "is damaged or not a snapshot"),
    "one network": (b"\x80\x02ctfutil\nNetwork\n)\x81.", "holds 1 network"),
    "mixed": (
        b"\x80\x02ctfutil\nNetwork\n)\x81cnetwork\nNetwork\n)\x81N\x87.", "not a pickle of net",
    ),
    "no state": (b"\x80\x02ctfutil\nNetwork\n)\x812h\x002\x87.", "not a complete pickle"),
    "empty": (
        b"\x80\x02" + b"ctfutil\nNetwork\n)\x81" * 3 + b"\x87.", "is damaged: .* has no variables",
    ),
    "class": (b"\x80\x02ctfutil\nNetwork\n}(U\x05stateK\1ub.", "attributes of a class"),
    "object": (
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nobject\nc__builtin__\nobject\nNtR.",
        "asks for an object that is not a network",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_other_files_are_named_for_what_they_are(kind, tmp_path):
    content, message = FOREIGN[kind]
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        load_snapshot(tmp_path / "x.pkl")
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_other_functions_versions_and_variables_are_refused(states, tmp_path):
    first, *others = states["net_rgb32"]
    for change, message in (
        ({"build_func_name": "G_style"}, "built by G_style, not G_paper"),
        ({"version": 3}, "another version of the official program"),
        ({"version": None}, "has no version"),
        (
            {"variables": first["variables"] + [("extra", np.zeros(3, "f4"))]},
            "extra is not in the network",
        ),
        ({"variables": first["variables"] * 2}, "two variables"),
        ({"variables": [*first["variables"][:-1], ("x", first["variables"][-1][1])]}, "is missing"),
        ({"variables": [("a\nb", np.zeros(3, "f4"))]}, "no valid name"),
        ({"variables": [("a", np.zeros(3, "i4"))]}, "not an array of floating-point numbers"),
    ):
        old_pickles.dump(tmp_path / "x.pkl", [{**first, **change}, *others], 4)
        with pytest.raises(UserError, match=rf"x\.pkl .*{message}") as caught:
            load_snapshot(tmp_path / "x.pkl")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("lod", [9, -1, float("nan"), float("inf")])
def test_a_lod_out_of_range_is_refused(lod, states, tmp_path):
    G, D, Gs = states["net_gray16_cond"]
    Gs = {**Gs, "variables": [("lod", np.float32(lod)), *Gs["variables"][1:]]}
    with pytest.raises(UserError, match=r"x\.pkl is not a whole snapshot"):
        load_snapshot(old_pickles.dump(tmp_path / "x.pkl", [G, D, Gs], 4))


def test_one_array_shared_by_many_variables_is_refused(states, tmp_path):
    shared = np.zeros(1 << 18, "f4")
    many = [(f"v{i}", shared) for i in range(1000)]
    changed = [{**state, "variables": many} for state in states["net_rgb32"]]
    with pytest.raises(UserError, match="two variables share one array"):
        read_parts(old_pickles.dump(tmp_path / "x.pkl", changed, 4))
    theano = [{**state, "param_values": [shared] * 27} for state in states["theano_legacy"]]
    with pytest.raises(UserError, match="two variables share one array"):
        read_parts(old_pickles.dump(tmp_path / "x.pkl", theano, 4, "network"))


def test_networks_larger_than_their_arrays_are_refused(states, tmp_path):
    for option, value in (("fmap_base", 2**23), ("label_size", 2**19), ("resolution", 2**16)):
        changed = [dict(state) for state in states["net_rgb32"]]
        for state in changed:
            state["static_kwargs"] = {**state["static_kwargs"], option: value, "fmap_max": 2**19}
        with pytest.raises(UserError, match="larger than its weights"):
            load_snapshot(old_pickles.dump(tmp_path / "x.pkl", changed, 4))


CONTENTS = {name: (GOLDEN / f"{name}.pkl").read_bytes() for name in ALL[1:]}
STRUCTURES = {name: old_pickles.structure(content) for name, content in CONTENTS.items()}
SHAPES = {
    name: {
        (network, key): array.shape
        for network, own in read_parts(GOLDEN / f"{name}.pkl").networks.items()
        for key, array in own.arrays.items()
    }
    for name in CONTENTS
}
PIECES = st.one_of(
    st.binary(max_size=3),
    st.sampled_from([b"\x88", b"\x89", b"N", b"0", b"2", b")", b"}", b"]", b"R", b"b", b"t"]),
    st.sampled_from([b"cos\nsystem\n", b"J\xff\xff\xff\x7f", b"cnumpy\nndarray\n", b"h\x10"]),
)


@settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_damage_is_harmless_or_refused_in_one_line(tmp_path, data):
    """A damaged file gives arrays of the right shape or size, or a UserError."""
    name = data.draw(st.sampled_from(sorted(CONTENTS)))
    content = bytearray(CONTENTS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.sampled_from(STRUCTURES[name]))
        replaced = data.draw(st.integers(0, 3))
        content[position : position + replaced] = data.draw(PIECES)
    if data.draw(st.integers(0, 4)) == 0:
        del content[data.draw(st.sampled_from(STRUCTURES[name])) :]
    path = tmp_path / "x.pkl"
    path.write_bytes(content)
    try:
        parts = read_parts(path)
    except UserError as error:
        assert "\n" not in str(error) and str(path) in str(error) and len(str(error)) < 600
        return
    for network, own in parts.networks.items():
        for key, array in own.arrays.items():
            wanted = SHAPES[name].get((network, key))
            assert array.dtype == np.float32
            if wanted is not None and array.shape != wanted:
                assert array.size == np.prod(wanted, dtype=int)  # building the network refuses it


def test_a_file_cut_short_is_refused(tmp_path):
    content = CONTENTS["theano_legacy"]
    for end in (1, 2, 40, 300, len(content) // 2, len(content) - 1):
        (tmp_path / "x.pkl").write_bytes(content[:end])
        with pytest.raises(UserError, match=r"not a complete pickle|damaged or not a snapshot"):
            load_snapshot(tmp_path / "x.pkl")
