"""Whether a dataset teaches anything but the trace of alteration: gates that fail it, and probes."""
