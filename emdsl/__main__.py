"""`python -m emdsl`: the command line."""

from __future__ import annotations

from emdsl.cli import main

if __name__ == "__main__":
    main()
