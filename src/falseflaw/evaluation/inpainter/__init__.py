"""How good the flaws of an inpainter are: of the kind asked for, and in content like simulated damage."""
