"""Losses and metrics of a recipe through each engine, summed over whole sets; labels held in range."""
