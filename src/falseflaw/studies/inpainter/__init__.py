"""How well an inpainter paints what it is asked for."""
