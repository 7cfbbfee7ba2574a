"""What a run must show before a package is written: folds judged, limits settled, numbers weighed, the gate."""
