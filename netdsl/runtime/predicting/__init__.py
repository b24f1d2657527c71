"""What a trained net says: the models that compute, the samples they are given, and what is made of their outputs."""
