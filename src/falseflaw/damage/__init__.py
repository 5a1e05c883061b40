"""Flaws painted into a photo by rule: what they look like, where they may lie, how they are named."""
