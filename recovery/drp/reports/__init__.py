"""What a run or a drill leaves for whoever was not there: one document, signed."""
