"""Questions asked once in a while."""
