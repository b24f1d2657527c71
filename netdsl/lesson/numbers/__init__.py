"""The lesson with numbers: formulas computed in plain Python, of nets that fit on a board."""
