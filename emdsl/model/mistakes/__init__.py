"""Every error of the check stage, constructed here: code, one sentence, what to write instead.

    E01x names   E02x indices   E03x statements   E04x shapes   E05x supports   E06x laws   E07x requests and new laws

The codes are stable; docs/errors.md explains each. These files are a catalogue: one function per mistake, no logic.
"""

from emdsl.model.mistakes import indices, laws, names, requests, shapes, statements, supports

__all__ = ["indices", "laws", "names", "requests", "shapes", "statements", "supports"]
