"""Whether a dataset could teach something else than the trace of alteration."""
