"""Laws that every family satisfies, one file each."""
