"""Where the batches of a synthesis run: in this process and its helpers, or on a Ray cluster."""
