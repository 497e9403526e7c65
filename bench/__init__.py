"""This library against other tools, on the same work: ``make bench``."""
