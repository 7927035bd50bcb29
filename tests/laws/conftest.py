"""Laws run over every family; `pytest tests/laws --family Gamma` runs one."""

from __future__ import annotations

import pytest

from tests.laws.family_cases import CASES, DENSITY_CASES, SCALAR_CASES

#: Parametrised arguments of the laws, and what they run over.
PARAMETERS = {"case": CASES, "density_case": DENSITY_CASES, "scalar_case": SCALAR_CASES}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    wanted = metafunc.config.getoption("--family")
    for parameter, cases in PARAMETERS.items():
        if parameter in metafunc.fixturenames:
            chosen = [case for case in cases if wanted in (None, case.family.name)]
            metafunc.parametrize(parameter, chosen, ids=str)
