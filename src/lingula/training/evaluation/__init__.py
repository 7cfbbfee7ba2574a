"""A finished package over labelled radiographs: run over them, the result, its report, and candidates in shadow."""
