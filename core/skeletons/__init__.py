"""One TOML file for each skeleton; read by :mod:`sitepose.core.skeleton`."""
