"""Winograd's convolution: fewer products for 3x3 kernels, on a CPU."""

import functools

import tensorflow as tf

_CHANNELS = 128  # with fewer, moving the data costs more time than the saved products
_TILES = 64  # with fewer, transforming the kernel costs more time than the saved products


@functools.cache
def _no_gpu() -> bool:
    return not tf.config.list_physical_devices("GPU")


def is_faster(x: tf.Tensor, units: int) -> bool:
    """Returns whether `winograd_conv` is faster than TensorFlow's convolution, as measured.

    Always False on a GPU, where cuDNN chooses the algorithm itself. Always False in float16 and
    bfloat16, where sums of inputs would lose digits.

    Args:
      x: [N, h, w, channels].
      units: number of output channels.
    """
    n, h, w, channels = x.shape
    return (
        _no_gpu()
        and x.dtype == tf.float32
        and n is not None
        and h % 2 == w % 2 == 0
        and min(channels, units) >= _CHANNELS
        and n * h * w // 4 >= _TILES
    )


def winograd_conv(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Zero-padded 3x3 convolution of stride 1, by F(2x2, 3x3) (Lavin and Gray 2016).

    y = A^T [(G g G^T) * (B^T d B)] A for each 2x2 tile of the output, with kernel g and the 4x4
    tile d of the input under it. That takes 16 products per tile and channel pair instead of 36.
    All steps are linear, so gradients of any order take as few products.

    Args:
      x: [N, h, w, channels], h and w even.
      kernel: [3, 3, channels, units].
    Returns: [N, h, w, units], as exact as plain sums up to a few units in the last place.
    """
    n, h, w, channels = x.shape
    units = kernel.shape[-1]
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])

    def transform_input(slice_at):  # B^T, applied to four slices
        d0, d1, d2, d3 = (slice_at(i) for i in range(4))
        return d0 - d2, d1 + d2, d2 - d1, d1 - d3

    def transform_kernel(g0, g1, g2):  # G
        return g0, 0.5 * (g0 + g1 + g2), 0.5 * (g0 - g1 + g2), g2

    def transform_output(m0, m1, m2, m3):  # A^T
        return m0 + m1 + m2, m1 - m2 - m3

    rows = transform_input(lambda i: x[:, i : i + h - 1 : 2])  # 4 x [N, h/2, w+2, C]
    kernel_rows = transform_kernel(*tf.unstack(kernel))  # 4 x [3, C, D]
    products = []
    for row, kernel_row in zip(rows, kernel_rows, strict=True):
        tiles = transform_input(lambda j, row=row: row[:, :, j : j + w - 1 : 2])
        weights = transform_kernel(*tf.unstack(kernel_row))
        products.append(
            [
                tf.matmul(tf.reshape(t, [-1, channels]), u)  # [N * h/2 * w/2, D]
                for t, u in zip(tiles, weights, strict=True)
            ]
        )
    columns = [transform_output(*row) for row in products]  # 4 rows x 2 columns
    y = [transform_output(*column) for column in zip(*columns, strict=True)]  # [column][row]
    y = [[tf.reshape(y[b][a], [n, h // 2, w // 2, units]) for b in (0, 1)] for a in (0, 1)]
    y = tf.stack([tf.stack(row, axis=3) for row in y], axis=2)  # [N, h/2, 2, w/2, 2, D]
    return tf.reshape(y, [n, h, w, units])
