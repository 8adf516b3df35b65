"""Makes data sets, with one module for each kind of source."""
