"""What is fitted on labelled data by the program as a whole: settings, not weights."""
