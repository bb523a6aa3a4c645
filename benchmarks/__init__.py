"""Speed, memory and quality, measured on real data, with the peers in the same run."""
