"""Films: walks through latents, and the growth of a run."""
