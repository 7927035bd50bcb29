"""Functions that emitted modules carry along: each is copied, as it stands, into the modules that use it.

They know numpy and scipy only.
"""
