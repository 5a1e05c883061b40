"""The inpainter that samples pixels."""
