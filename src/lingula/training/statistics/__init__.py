"""Numbers with intervals from labels and probabilities; nothing here knows networks, files of pictures or pages."""
