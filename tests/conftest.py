"""What the whole suite shares: its options, its markers, its golden files, and where the published numbers lie.

pytest --promote                      write golden files anew; review the diff
pytest --family Gamma                 run the laws of one family
pytest -m "fuzz or hypothesis" --hypothesis-profile=fuzz     many random examples
EMDSL_TRUTH=folder pytest -m truth    published numbers from elsewhere than ../shared/truth
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).parents[1]
TRUTH = Path(os.environ.get("EMDSL_TRUTH", REPOSITORY.parent / "shared" / "truth"))

# The same few examples in every run, so that a failure repeats; `fuzz` looks for new ones.
settings.register_profile("default", derandomize=True, max_examples=60, deadline=None, database=None)
settings.register_profile("fuzz", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--promote", action="store_true", help="write golden files anew")
    parser.addoption("--family", default=None, help="run the laws of this family only")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of published numbers skip, and say so, where the numbers are absent."""
    if (TRUTH / "cases.json").is_file():
        return
    skip = pytest.mark.skip(reason=f"published numbers and their data are not in {TRUTH}; EMDSL_TRUTH names the folder")
    for item in items:
        if item.get_closest_marker("truth"):
            item.add_marker(skip)


Golden = Callable[[Path, str], None]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a text with its golden file; under `--promote` the text becomes the file."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--promote"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path.name} is not there yet; `make promote` writes it"
        assert text == path.read_text(encoding="utf-8")

    return compare
