"""What the Makefile calls: locking dependencies, writing reference pages, making the shipped model and samples."""
