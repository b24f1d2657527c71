"""Texts made of other texts: a net of the same layers that does more, written so that its author knows it again."""
