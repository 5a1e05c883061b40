"""A chat on this machine: photos in, verdict, overlay and reasons out. Drawn by gradio (extra `chat`)."""
