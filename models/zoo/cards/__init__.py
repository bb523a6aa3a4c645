"""One TOML card for each network that Sitepose knows; read by :mod:`sitepose.models.zoo.card`."""
