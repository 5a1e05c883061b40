"""Matched sets on disk: building, describing and loading them."""
