"""The only place where Qt is imported, always through qtpy: widgets with setters and signals."""
