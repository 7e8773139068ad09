"""A pytest plugin: installed with the package, nothing to configure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .testing import Rig


@pytest.fixture
def onceward_rig() -> Iterator[Callable[..., Rig]]:
    """Makes rigs: `rig = onceward_rig(app)`. They are closed when the test ends."""
    from .testing import Rig

    made: list[Rig] = []

    def make(app: Any, **options: Any) -> Rig:
        made.append(Rig(app, **options))
        return made[-1]

    yield make
    for rig in made:
        rig.close()
