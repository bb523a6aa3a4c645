"""One class for each way to keep identities."""
