"""One console script, one thin module per verb."""
