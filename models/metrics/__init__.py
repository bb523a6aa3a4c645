"""How good poses, boxes and tracks are: arrays in, numbers out."""
