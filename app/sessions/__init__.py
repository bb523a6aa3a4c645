"""Site sessions: recorded so that they survive a power cut, verified, repaired."""
