"""A report as a page for browsers: drawing and table that light each other up, sizes tried by sliders."""
