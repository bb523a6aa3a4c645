"""Which of the proposed poses are people: one function for each method."""
