"""One small interface over the libraries that run a network."""
