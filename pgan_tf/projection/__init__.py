"""Projection: finds a latent whose image is like a given picture."""

from pgan_tf.projection.search import Projection, Projector, project

__all__ = ["Projection", "Projector", "project"]
