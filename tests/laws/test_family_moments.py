"""Moments written down beside the families are those of their samples, and of scipy's laws."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from emdsl.families.moments import has_moments, moments
from tests.laws.family_cases import Case
from tests.laws.test_family_samples import draw_two_laws

#: Matrices, and directions on a circle, have no mean and variance here.
WITHOUT = {"VonMises", "Wishart", "InvWishart"}


def test_moments_are_those_of_samples(density_case: Case) -> None:
    rng = np.random.default_rng(20)
    values = [case.canonical(case.draw(rng)) for case in (density_case, density_case)]
    stacked = {name: np.stack([each[name] for each in values]) for name in values[0]}
    assert has_moments(density_case.family.name) == (density_case.family.name not in WITHOUT)
    if density_case.family.name in WITHOUT:
        return
    found = moments(density_case.family.name, stacked)
    _, samples = draw_two_laws(density_case)
    count = len(samples)
    if density_case.family.name == "LogNormal":
        return  # samples too rare to occur rule the moments; see below
    spread = samples.std(axis=0)
    assert np.all(np.abs(samples.mean(axis=0) - found["mean"]) <= 6 * spread / np.sqrt(count) + 1e-12)
    if "cov" in found:
        centred = samples - samples.mean(axis=0)
        assert_allclose(np.einsum("nri,nrj->rij", centred, centred) / count, found["cov"], rtol=0.2, atol=0.05)
    else:
        square = ((samples - found["mean"]) ** 2).std(axis=0)
        assert np.all(np.abs(samples.var(axis=0) - found["var"]) <= 6 * square / np.sqrt(count) + 1e-12)
    if "probabilities" in found:
        states = np.arange(found["probabilities"].shape[-1])
        assert_allclose((samples[..., None] == states).mean(axis=0), found["probabilities"], atol=0.01)


def test_the_log_normal() -> None:
    found = moments("LogNormal", {"mean": np.array([0.3]), "prec": np.array([4.0])})
    assert found is not None
    samples = np.exp(0.3 + 0.5 * np.random.default_rng(0).standard_normal(400_000))
    assert_allclose((found["mean"][0], found["var"][0]), (samples.mean(), samples.var()), rtol=0.02)


def test_where_moments_do_not_exist() -> None:
    heavy = moments("StudentT", {"df": np.array([1.5]), "mean": np.array([2.0]), "scale": np.array([1.0])})
    assert heavy is not None and heavy["mean"] == 2 and heavy["var"] == np.inf
