"""Trains the latent inpainter: its autoencoder, then its denoiser."""
