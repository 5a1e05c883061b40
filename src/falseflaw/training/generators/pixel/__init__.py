"""Trains the pixel inpainter."""
