"""The words that a sweep and the training of a trial have in common."""

PIPES = "FALSEFLAW_SWEEP_PIPES"
"""Environment variable: the file descriptors that the training reads from and writes to, a comma between."""

GO_ON, PRUNE = "go on", "prune"
"""Answers to a report, each a line."""
