"""Readers of facts: each looks at an opened file for one kind of them."""
