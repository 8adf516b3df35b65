"""The explorer page, served by this machine: `python -m pgan_tf.explore`."""
