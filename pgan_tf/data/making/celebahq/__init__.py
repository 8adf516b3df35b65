"""Makes CelebA-HQ from CelebA's photographs and the authors' deltas."""
