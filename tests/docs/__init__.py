"""What README.md, docs/ and examples/ say, run."""
