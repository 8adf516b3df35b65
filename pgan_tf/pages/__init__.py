"""Pages for browsers: puts HTML, styles, scripts and data together."""
