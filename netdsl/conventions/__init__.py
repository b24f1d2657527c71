"""How other tools count, operation by operation, so that their numbers can be had without them, and explained."""
