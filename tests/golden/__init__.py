"""Golden files: what the compiler writes."""
