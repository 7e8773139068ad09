"""What the documents show does what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onceward
from onceward.testing import Rig

HERE = Path(__file__).resolve().parent.parent


def test_the_settings_as_types_are_those_of_the_schema() -> None:
    check = subprocess.run([sys.executable, HERE / "tools/settings.py", "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_everything_public_is_documented() -> None:
    missing = [name for name in onceward.__all__ if not getattr(onceward, name).__doc__]
    missing += [
        f"{owner.__name__}.{name}"
        for owner in (onceward.Consumer, onceward.Event, onceward.EventBatch, Rig)
        for name in vars(owner)
        if not name.startswith("_") and callable(getattr(owner, name)) and not getattr(owner, name).__doc__
    ]
    assert missing == []
