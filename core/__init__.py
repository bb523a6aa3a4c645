"""The nouns everyone speaks: frames, boxes, poses, skeletons and their files. numpy and pydantic only."""
