"""How much arithmetic an iteration takes, counted by hand from the layers' shapes."""

from pgan_tf.config import Config
from pgan_tf.networks import feature_maps


def forward_operations(config: Config, network: str, stage: int, num_channels: int = 3) -> float:
    """Returns multiplications and additions of one image through a network at 2^stage pixels.

    Counted as the official fused form does: an upscaling or downscaling convolution is a 4x4
    kernel at the lower resolution, so that shares of a machine's rate compare with other
    programs'. Only products are counted; padding counts as pixels.

    Args:
      config: feature maps, fused or not.
      network: "G" or "D".
      stage: log2 of the resolution.
      num_channels: of the images.
    """
    o = getattr(config, network)

    def nf(s: int) -> int:
        return feature_maps(s, o.fmap_base, o.fmap_decay, o.fmap_max)

    products = 4**stage * num_channels * nf(stage - 1)  # to RGB, from RGB
    latents = (config.G.latent_size or nf(0)) if network == "G" else nf(0)
    products += 16 * nf(1) * latents + 16 * 9 * nf(1) ** 2
    for s in range(3, stage + 1):
        products += 4**s * 9 * nf(s - 1) ** 2
        # G's unfused form is the same function as the fused one, and is run as that.
        taps = 4 if o.fused_scale or network == "G" else 9
        products += 4**s * taps * nf(s - 1) * nf(s - 2)
    return 2.0 * products


def iteration_operations(config: Config, stage: int, num_channels: int = 3) -> float:
    """Returns the operations of one full update (D, G) per image of the minibatch.

    D step: G forward (1 x G); reals and fakes forward and backward (2 x 3 x D); the penalty:
    forward, gradient by the image, and the backward pass through both (2 + 4 x D).
    G step: G forward and backward (3 x G), D forward and backward to the image (2 x D).
    """
    g = forward_operations(config, "G", stage, num_channels)
    d = forward_operations(config, "D", stage, num_channels)
    return config.train.D_repeats * (g + 12 * d) + 3 * g + 2 * d
