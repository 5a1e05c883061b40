"""Clean photos in, a dataset of matched sets out."""
