"""Tests of the fit loop."""
