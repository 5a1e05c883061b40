"""Numbers in, numbers out: figures of merit, their intervals, and how both are written."""
