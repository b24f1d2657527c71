"""Pictures: made to fit an input, cut into tiles, painted, lettered and laid side by side."""
