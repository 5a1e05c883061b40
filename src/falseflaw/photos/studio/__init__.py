"""The photo set that renders its own products."""
