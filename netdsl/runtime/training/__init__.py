"""What a training needs around its engine: where it starts, what is best, what is seen and kept of it."""
