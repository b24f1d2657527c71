"""Sets of samples: files and arrays read, held against the net, and drawn batch by batch."""
