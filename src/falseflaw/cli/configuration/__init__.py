"""How a verb meets Hydra."""
