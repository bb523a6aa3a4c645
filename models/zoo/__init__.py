"""Model cards: where weights come from, what they expect, and how they are checked."""
