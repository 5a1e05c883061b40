"""Photos that others took or altered, brought into the form of a dataset: for evaluation alone."""
