"""The latent inpainter: its autoencoder, then its denoiser."""
