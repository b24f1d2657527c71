# after:     """Memory of the results; a view of the input takes none. For a block the sum over its rows."""
    stored = Column[int, int](counts.stored, heading="stored", says="{} numbers kept with the model")
    """Parameters and buffers."""
