"""Numerical stress: data that are far away, narrow, empty, constant, huge, weighted, or in another layout."""
