"""Half one, a data set's way: dataset, split, train, evaluate, calibrate, export, register."""
