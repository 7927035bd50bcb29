"""Tests of data binding."""
