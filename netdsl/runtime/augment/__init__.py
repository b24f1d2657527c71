"""Pictures varied while a net trains, in numpy and Pillow: what carries out the stages of an `augment` row."""
