"""Everything chosen by name; each file may import its own library, inside functions."""
