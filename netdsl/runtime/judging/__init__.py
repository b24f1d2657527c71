"""What an evaluation tells beside losses and metrics: scores by class, confusions, the worst samples, and pictures."""
