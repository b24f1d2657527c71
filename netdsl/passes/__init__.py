"""Graph in, graph out: one small file a pass."""
