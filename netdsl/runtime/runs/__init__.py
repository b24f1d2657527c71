"""The folder of a run: what is kept in it, in what form, and who may write there."""
