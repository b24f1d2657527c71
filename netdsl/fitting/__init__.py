"""Will it fit? What a net takes in training as PyTorch carries it out, and what that comes to on a card."""
