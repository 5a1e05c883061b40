"""Trains the networks that write pixels, on photos of the inpainter's fold."""
