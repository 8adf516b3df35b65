"""Films: walks through the latents, and the growth of a run."""
