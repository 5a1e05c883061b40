"""What happens to a photo after the edit: pure, seeded, severity-parameterised objects."""
