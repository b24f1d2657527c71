"""What each net of `specs` says after it was trained by its small recipe, in a picture: `make zoo`."""
