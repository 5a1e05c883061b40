"""Pixels in, pixels out: decoding, encoding, the camera step, laundering and augmentation."""
