"""What a run of the command meets besides its configuration: streams, folders, further processes."""
