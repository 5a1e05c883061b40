"""Predictions in, figures out."""
