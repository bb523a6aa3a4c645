"""Frame sources: files, folders, cameras, patterns."""
