"""Measures speed, as ratios within one run. Never part of the tests: these are figures, not assertions."""
