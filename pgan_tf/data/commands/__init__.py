"""The data set tool's commands, in groups. Each parses, calls one function and prints."""
