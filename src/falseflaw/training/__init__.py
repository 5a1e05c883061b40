"""Training of the detector with Lightning."""
