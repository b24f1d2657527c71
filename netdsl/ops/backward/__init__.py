"""Forms that only passes make: what gradients and training forms are written with, a file a family."""
