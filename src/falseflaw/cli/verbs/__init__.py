"""One thin file a verb: what its configuration names is built, and called."""
