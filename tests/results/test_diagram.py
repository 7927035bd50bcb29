"""Plate diagrams as mermaid, dot and SVG."""

from __future__ import annotations

import shutil

import pytest

import emdsl as em
from emdsl.errors import DataError

CHAIN = em.parse("""
model Chain(K = 2)
plate s in S, k in K
time t in T
param start : simplex[K]
param A[k] : simplex[K]
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed end[s, t] ~ Poisson(1 + z[s, t])
""")


def test_mermaid() -> None:
    text = CHAIN().diagram().mermaid
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "flowchart TD"
    assert "v_A --> v_z" in lines
    assert "v_z -. earlier .-> v_z" in lines
    assert "v_z --> v_end" in lines
    assert 'v_end(("end"))' in lines
    assert lines.count("end") == sum(line.startswith("subgraph") for line in lines) == 3


def test_dot() -> None:
    text = CHAIN().diagram().dot
    assert text.count("{") == text.count("}")
    assert '"start" -> "z"' in text
    assert '"z" -> "z" [style=dashed label="earlier"]' in text
    assert 'label="t in T"' in text


def test_svg_is_drawn_or_names_what_is_needed() -> None:
    if shutil.which("dot"):
        assert CHAIN().diagram().svg.rstrip().endswith("</svg>")
    else:
        with pytest.raises(DataError, match="SVG needs graphviz"):
            _ = CHAIN().diagram().svg
