"""Checks that a dataset teaches nothing but the trace of alteration."""
