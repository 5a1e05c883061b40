"""Inpainters that sample in the latent space of an autoencoder."""
