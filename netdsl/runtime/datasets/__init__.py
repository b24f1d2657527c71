"""One small file a data set, under its name in the language; each has `load(declaration, request) -> Dataset`."""
