"""What the Python source of any target needs: uses of blocks told apart, numbers traced to names, and the text."""
