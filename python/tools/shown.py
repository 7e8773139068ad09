"""Writes what docs/guide/python-migration.md shows after each change into a folder, for type checkers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/guide/python-migration.md"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, code in enumerate(re.findall(r"After:\n\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)):
        (folder / f"after_{number}.py").write_text(code)
    (folder / "pyrightconfig.json").write_text('{"include": ["."], "typeCheckingMode": "strict"}')


if __name__ == "__main__":
    main(Path(sys.argv[1]))
