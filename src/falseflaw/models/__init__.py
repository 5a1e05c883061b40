"""The detector in pure PyTorch; knows no Lightning, Hydra or W&B."""
