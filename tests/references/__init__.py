"""Networks in plain PyTorch, written from their papers alone, that specs are held against where no package has them."""
