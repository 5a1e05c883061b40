"""The autoencoders that rewrite whole photos."""
