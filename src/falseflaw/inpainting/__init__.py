"""What writes pixels: diffusion models that paint flaws into crops, autoencoders that rewrite photos."""
