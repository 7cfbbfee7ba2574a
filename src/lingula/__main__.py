"""Lets ``python -m lingula`` do what the command ``lingula`` does."""

from lingula.doors.cli.main import main

if __name__ == "__main__":
    main()
