"""The window: a model and a controller without Qt, and views that are setters and signals."""
