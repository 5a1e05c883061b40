"""Trains the detector."""
