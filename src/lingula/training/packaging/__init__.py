"""From networks and findings to one file: the graph, its eight-bit form, the manifest and the model card."""
