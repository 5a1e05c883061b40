"""Predictions first, figures second."""
