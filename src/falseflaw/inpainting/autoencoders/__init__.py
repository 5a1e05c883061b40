"""Autoencoders that rewrite a region or a whole photo."""
