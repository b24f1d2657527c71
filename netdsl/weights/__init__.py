"""Weights that come from outside: read from files, renamed by a map, held against what a net needs."""
