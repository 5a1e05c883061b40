"""Photos that nothing is ever trained on: real damage and other people's fakes."""
