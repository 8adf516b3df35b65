"""Projection: from a picture back to a latent that makes one like it."""

from pgan_tf.projection.search import Projection, Projector, project

__all__ = ["Projection", "Projector", "project"]
