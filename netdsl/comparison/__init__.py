"""The difference of two nets: whether their graphs are equal, and which rows were added, removed and changed."""
