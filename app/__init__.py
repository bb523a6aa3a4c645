"""The program: command line, configuration, pipeline, outputs."""
