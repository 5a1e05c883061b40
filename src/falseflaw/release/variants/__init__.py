"""Variants of a bundle in another precision: made, measured against float32, and told in their card."""
