"""The lesson: how a net learns, row by row from the loss backwards, as lecture notes write it on the board."""
