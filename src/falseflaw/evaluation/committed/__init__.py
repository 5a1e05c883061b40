"""The evaluation that the repository carries, and what holds it to the rest."""
