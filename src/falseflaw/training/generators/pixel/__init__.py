"""The pixel generator."""
