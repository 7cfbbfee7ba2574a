"""Where labelled radiographs come from: one module per kind of source."""
