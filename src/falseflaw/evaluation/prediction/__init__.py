"""One pass over photos and launderings: predictions, and nothing else."""
