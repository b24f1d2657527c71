"""JAX as a target: a few rules on top of what any Python source target needs. It says LeNet, and declines the rest."""
