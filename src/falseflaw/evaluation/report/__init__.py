"""Figures in, tables, plots, sentences and the HTML report out."""
