"""Tests of expressions and terms."""
