"""FalseFlaw: train, measure and ship detectors of AI-faked product damage."""

__version__ = "0.1.0"
