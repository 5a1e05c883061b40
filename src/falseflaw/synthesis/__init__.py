"""Photos in, a dataset of matched sets out."""
