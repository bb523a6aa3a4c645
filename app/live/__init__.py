"""Live sources: every frame is shown at once, with the newest poses that are finished."""
