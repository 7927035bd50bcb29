"""The check stage: well-formed models, bad models, binding, the dependence graph."""
