"""Ratios of time to other libraries: same data, same start, both in one run, answers compared. `make bench`."""
