"""Our variables <-> the official program's local names and layouts (spec section 7)."""

from collections.abc import Mapping

import numpy as np

from pgan_tf.networks import GrowingNetwork


def to_official(network: GrowingNetwork) -> dict[str, np.ndarray]:
    """Returns official local name -> float32 array, in the official layout and order.

    Names are such as `4x4/Dense/weight`, `8x8/Conv0_up/bias`, `ToRGB_lod0/weight`.
    """
    variables = {}
    for name, layer in network.named_layers.items():
        variables[f"{name}/weight"] = _relayout(name, np.asarray(layer.weight.numpy()))
        variables[f"{name}/bias"] = np.asarray(layer.bias.numpy())
    return variables


def from_official(network: GrowingNetwork, variables: Mapping[str, np.ndarray]) -> None:
    """Sets a network's variables from official local names; `lod` is passed over.

    Raises: ValueError naming the variables that are missing, left over or of another shape;
      nothing is set then.
    """
    wanted = {
        f"{name}/{part}": getattr(layer, part)
        for name, layer in network.named_layers.items()
        for part in ("weight", "bias")
    }
    given = {name: np.asarray(value) for name, value in variables.items() if name != "lod"}
    faults = [f"{name} is missing" for name in wanted if name not in given]
    faults += [f"{name} has no place" for name in given if name not in wanted]
    arrays = {}
    for name, variable in wanted.items():
        if name in given:
            array = _relayout(name.removesuffix("/weight"), given[name])
            if array.shape != tuple(variable.shape):
                faults.append(f"{name} is {array.shape}, not {tuple(variable.shape)}")
            arrays[name] = array
    if faults:
        raise ValueError("; ".join(faults[:5]) + ("; …" if len(faults) > 5 else ""))
    for name, variable in wanted.items():
        variable.assign(arrays[name])


def _relayout(name: str, weight: np.ndarray) -> np.ndarray:
    """Converts a weight between the layouts; the same both ways.

    The official fused upscaling convolution keeps the kernel of a transposed convolution,
    [kh, kw, out, in]; ours is that of the ordinary convolution after upscaling.
    """
    if name.endswith("Conv0_up") and weight.ndim == 4:
        return np.ascontiguousarray(weight[::-1, ::-1].transpose(0, 1, 3, 2))
    return weight
