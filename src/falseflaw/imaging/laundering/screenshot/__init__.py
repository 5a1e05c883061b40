"""Screenshots: simulated ones, and real ones taken in a browser."""
