"""Our variables <-> the official program's local names and layouts (section 7)."""

from collections.abc import Mapping

import numpy as np

from pgan_tf.networks.growing import GrowingNetwork


def to_official(network: GrowingNetwork) -> dict[str, np.ndarray]:
    """Returns official local name -> float32 array, in the official layout and order.

    Names are such as `4x4/Dense/weight`, `8x8/Conv0_up/bias`, `ToRGB_lod0/weight`.
    """
    return {
        f"{name}/{part}": layer.relayout(part, array) if hasattr(layer, "relayout") else array
        for name, block in network.blocks.items()
        for part, variable, layer in block.named_variables()
        for array in [np.asarray(variable.numpy())]
    }


def from_official(network: GrowingNetwork, variables: Mapping[str, np.ndarray]) -> None:
    """Sets a network's variables from official local names; `lod` is passed over.

    Raises: ValueError naming the variables that are missing, left over or of another shape;
      nothing is set then.
    """
    wanted = {
        f"{name}/{part}": (part, variable, layer)
        for name, block in network.blocks.items()
        for part, variable, layer in block.named_variables()
    }
    given = {name: np.asarray(value) for name, value in variables.items() if name != "lod"}
    faults = [f"{name} is missing" for name in wanted if name not in given]
    faults += [f"{name} has no place" for name in given if name not in wanted]
    arrays = {}
    for name, (part, variable, layer) in wanted.items():
        if name in given:
            array = given[name]
            if hasattr(layer, "relayout"):
                array = layer.relayout(part, array)
            if array.shape != tuple(variable.shape):
                faults.append(f"{name} is {array.shape}, not {tuple(variable.shape)}")
            arrays[name] = array
    if faults:
        raise ValueError("; ".join(faults[:5]) + ("; …" if len(faults) > 5 else ""))
    for name, (_, variable, _) in wanted.items():
        variable.assign(arrays[name])
