"""What `spicy build` is told on its command line, before it looks at anything."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from spicy.cli.build import build


@pytest.mark.parametrize("cap", ["nan", "inf", "-1", "1e300", "99999999999", "much"])
def test_a_cap_that_is_no_sum_is_a_mistake(cap: str) -> None:
    ran = CliRunner().invoke(build, [f"--max-cost={cap}", "film.yaml"])
    assert ran.exit_code == 2
    assert "--max-cost" in ran.output
