"""Product photos: where they come from and which fold each belongs to."""
