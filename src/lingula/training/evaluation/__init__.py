"""A finished package over labelled radiographs: outcomes, the result, its report, and candidates in shadow."""
