"""Numbers in, numbers out: metrics, intervals, and how a figure with its interval is written."""
