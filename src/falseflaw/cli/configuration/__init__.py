"""What stands between a command line and the configuration of a verb."""
