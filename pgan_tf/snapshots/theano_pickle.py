"""Reading the Theano version's files, pickled `network.Network`s with flat lists (method 7.3)."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from pgan_tf.errors import UserError
from pgan_tf.snapshots.official_values import arguments, entry, plain, weights
from pgan_tf.snapshots.parts import NetworkParts

FUNCTIONS = {"G": "G_paper", "D": "D_paper", "Gs": "G_paper"}
_GROUP = 16  # group size in the official importer; the Theano version's is the whole minibatch

_PASSED_OVER = ("func", "use_gdrop")  # use_gdrop adds noise in the training only
_OFF = (None, False, 0)
_ONLY: dict[str, tuple] = {
    "tanh_at_end": _OFF,
    "use_batchnorm": _OFF,
    "use_layernorm": _OFF,
    "mbdisc_kernels": _OFF,
    "mbstat_func": (None, "Tstdeps"),
    "mbstat_avg": ("all",),
    "dtype": ("float32",),
}
_SQRT2 = math.sqrt(2)


def raw_arrays(state: Any) -> list[Any]:
    """Returns the arrays of a network's state, unchecked.

    Raises: ValueError for a state without arrays.
    """
    return list(entry(state, "param_values", (list, tuple)))


def network_parts(name: str, state: Any) -> tuple[NetworkParts, float]:
    """Returns the parts of one network in the TensorFlow version's layout, and its lod.

    Args:
      name: "G", "D" or "Gs".
      state: the state of the pickled object.
    Raises: UserError for unsupported networks; ValueError or TypeError for damaged ones.
    """
    spec = entry(state, "build_func_spec", dict)
    function = entry(spec, "func", str)
    if function != FUNCTIONS[name]:
        raise UserError(
            f"its {name} was built by {ascii(function)[1:-1][:80]}, not {FUNCTIONS[name]}"
        )
    kind = name[0]  # Gs is a G
    ours = {**arguments(kind, spec, _PASSED_OVER, _ONLY), "fused_scale": False}
    if ours["label_size"]:
        raise UserError(
            "its networks have labels, which the Theano version joins to already normalised"
            " latents; this program can't"
        )
    if kind == "D":
        ours["mbstd_group_size"] = 0 if spec.get("mbstat_func", "") is None else _GROUP
    names = list(_layers(kind, ours["resolution"]))
    flat = [weights(value) for value in raw_arrays(state)]
    scaled = bool(ours.setdefault("use_wscale", True))
    per_layer = 3 if scaled else 2
    if len(flat) != per_layer * len(names):
        raise ValueError(f"{name} has {len(flat)} arrays, not {per_layer * len(names)}")
    arrays = {}
    for number, layer in enumerate(names):
        weight, *scale, bias = flat[per_layer * number : per_layer * (number + 1)]
        arrays[f"{layer}/weight"] = _converted(kind, layer, weight, scale)
        arrays[f"{layer}/bias"] = bias
    _add_maps(kind, ours, arrays, spec)
    top = state.get("toplevel_params")
    lod = plain(top.get("cur_lod", 0.0)) if isinstance(top, dict) else 0.0
    return NetworkParts(ours, arrays), float(lod)


def _layers(kind: str, resolution: int) -> Iterator[str]:
    """Yields the TensorFlow version's names of the layers, in the order of the flat list."""
    stages = range(3, resolution.bit_length())
    if kind == "G":
        yield from ("4x4/Dense", "4x4/Conv")
        for r in stages:
            yield from (f"{2**r}x{2**r}/Conv0", f"{2**r}x{2**r}/Conv1")
        yield from (f"ToRGB_lod{lod}" for lod in range(len(stages) + 1))
        return
    yield "FromRGB_lod0"
    for lod, r in enumerate(reversed(stages), start=1):
        yield from (f"{2**r}x{2**r}/Conv0", f"{2**r}x{2**r}/Conv1", f"FromRGB_lod{lod}")
    yield from ("4x4/Conv", "4x4/Dense0", "4x4/Dense1")


def _converted(kind: str, layer: str, weight: np.ndarray, scale: list[np.ndarray]) -> np.ndarray:
    """Returns a weight in the TensorFlow version's layout and scale.

    With a scale: w = weight * scale / c, c = gain / sqrt(fan_in).
    """
    gain = _SQRT2
    if layer.startswith(("ToRGB", "FromRGB")):
        _require(layer, weight, 2)
        weight = weight[None, None]  # [in, out] -> [1, 1, in, out]
        gain = 1.0 if kind == "G" else _SQRT2
    elif layer == "4x4/Dense":
        _require(layer, weight, 4)
        weight = weight.transpose(1, 0, 2, 3)  # [c, latent, 4, 4] -> [latent, c, 4, 4]
        weight = weight.reshape(len(weight), -1)
        gain = _SQRT2 / 4
    elif layer == "4x4/Dense0":
        _require(layer, weight, 4)
        weight = weight[:, :, ::-1, ::-1]  # [out, in, 4, 4]
        weight = weight.reshape(len(weight), -1).T
    elif layer == "4x4/Dense1":
        _require(layer, weight, 2)
        gain = 1.0
    else:
        _require(layer, weight, 4)
        weight = weight.transpose(2, 3, 1, 0)[::-1, ::-1]  # [out, in, kh, kw]
    if scale:
        if scale[0].size != 1:
            raise ValueError(f"the scale of {layer} is not a number")
        c = gain / math.sqrt(max(math.prod(weight.shape[:-1]), 1))
        with np.errstate(over="ignore", invalid="ignore"):  # infinite weights are refused later
            weight = weight * np.float32(scale[0].item() / c)
    return np.ascontiguousarray(weight)


def _require(layer: str, weight: np.ndarray, dimensions: int) -> None:
    if weight.ndim != dimensions or not weight.size:
        raise ValueError(f"the weight of {layer} has the shape {weight.shape}")


def _add_maps(
    kind: str, ours: dict[str, Any], arrays: dict[str, np.ndarray], spec: dict[str, Any]
) -> None:
    """Adds numbers of feature maps that the file doesn't name, from the shapes of its arrays.

    The defaults of the Theano version differ from the TensorFlow version's.
    """
    if kind == "G":
        if ours.get("latent_size") is None:
            ours["latent_size"] = arrays["4x4/Dense/weight"].shape[0]
        finest = arrays["ToRGB_lod0/weight"].shape[2]
        most = arrays["4x4/Conv/bias"].size
    else:
        finest = arrays["FromRGB_lod0/bias"].size
        most = max(arrays["4x4/Conv/bias"].size, arrays["4x4/Dense0/bias"].size)
    if "fmap_base" not in spec:
        ours["fmap_base"] = finest * ours["resolution"] // 2
    if "fmap_max" not in spec:
        ours["fmap_max"] = most
