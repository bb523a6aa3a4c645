"""Live sources: cameras that keep running, and lose nothing that is recorded."""
