"""Trains autoencoders."""
