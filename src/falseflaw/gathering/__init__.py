"""Brings real damage and other people's fakes into the form of a dataset."""
