"""Looking after data sets: what they hold, whether they are sound, how they differ."""
