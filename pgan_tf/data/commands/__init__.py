"""The commands of the data set tool, defined in groups: parse, call one function, print."""
