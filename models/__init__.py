"""Networks, and what runs, trains and scores them. torch is imported inside functions only."""
