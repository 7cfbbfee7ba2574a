"""The HTTP door: the API for machines and the pages for doctors."""
