"""Converts variables to the official program's names and layouts, and back (section 7)."""

from collections.abc import Mapping

import numpy as np

from pgan_tf.networks.growing import GrowingNetwork


def to_official(network: GrowingNetwork) -> dict[str, np.ndarray]:
    """Returns official local name -> float32 array, in the official layout and order.

    Examples of names: `4x4/Dense/weight`, `8x8/Conv0_up/bias`, `ToRGB_lod0/weight`.
    """
    return {
        f"{name}/{part}": layer.relayout(part, array) if hasattr(layer, "relayout") else array
        for name, block in network.blocks.items()
        for part, variable, layer in block.named_variables()
        for array in [np.asarray(variable.numpy())]
    }


def from_official(network: GrowingNetwork, variables: Mapping[str, np.ndarray]) -> None:
    """Sets a network's variables from arrays under official local names; ignores `lod`.

    Raises: ValueError that names missing variables, unknown ones and ones of another shape; the
      network is then unchanged.
    """
    targets = {
        f"{name}/{part}": (part, variable, layer)
        for name, block in network.blocks.items()
        for part, variable, layer in block.named_variables()
    }
    given = {name: np.asarray(value) for name, value in variables.items() if name != "lod"}
    faults = [f"{name} is missing" for name in targets if name not in given]
    faults += [f"{name} is not in the network" for name in given if name not in targets]
    arrays = {}
    for name, (part, variable, layer) in targets.items():
        if name in given:
            array = given[name]
            if hasattr(layer, "relayout"):
                array = layer.relayout(part, array)
            if array.shape != tuple(variable.shape):
                faults.append(f"{name} is {array.shape}, not {tuple(variable.shape)}")
            arrays[name] = array
    if faults:
        raise ValueError("; ".join(faults[:5]) + ("; …" if len(faults) > 5 else ""))
    for name, (_, variable, _) in targets.items():
        variable.assign(arrays[name])
