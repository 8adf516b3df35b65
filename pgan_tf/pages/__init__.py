"""Pages for browsers, each one file: HTML, styles, scripts and data put together."""
