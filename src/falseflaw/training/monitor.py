"""The figure that the best weights of a training are chosen by."""

MONITOR = "val/score"
"""Computed on fold `val` alone; higher is better."""
