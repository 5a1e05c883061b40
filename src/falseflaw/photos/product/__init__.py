"""Where in a photo the product is."""
