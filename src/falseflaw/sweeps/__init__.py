"""Searches the configuration of a training: many trials, hopeless ones ended early, on validation alone."""
