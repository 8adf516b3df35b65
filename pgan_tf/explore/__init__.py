"""The explorer page with the generator behind it: `python -m pgan_tf.explore`."""
