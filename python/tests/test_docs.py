"""What the documents show does what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onceward
from onceward.testing import Rig

HERE = Path(__file__).resolve().parent.parent


def test_the_readmes_service_does_what_it_says(onceward_rig: Callable[..., Rig]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (HERE / "README.md").read_text(), re.DOTALL)
    names: dict[str, object] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), names)
    app = names["app"]
    assert isinstance(app, onceward.Consumer)
    rig = onceward_rig(app)
    for id in ["e1", "e1", "e2"]:
        rig.send("orders", key="c1", json={"id": id.replace("e", "o"), "total": 9.5}, id=id)
    rig.run()
    assert rig.sql("SELECT order_id, total FROM invoice ORDER BY order_id") == [("o1", 9.5), ("o2", 9.5)]
    assert [published.json() for published in rig.published] == [{"order": "o1"}, {"order": "o2"}]


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
