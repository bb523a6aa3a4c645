"""People over time: numpy and scipy, no networks, no Qt, no files."""
