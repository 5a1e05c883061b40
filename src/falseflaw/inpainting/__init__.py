"""Flaws written by a diffusion model: training it, sampling from it, composing its output."""
