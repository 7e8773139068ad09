"""The `onceward` command: `run` is Python's, everything else is the core's own program, which comes with this package."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "_bin" / "onceward"

USAGE = """Usage: onceward run [--reload] FILE.py [--reload] [ARGUMENTS...]

Runs a consumer file, like `python FILE.py`; without a call of run() in it, its one Consumer is run. With --reload it is stopped (drained,
committed) and started again whenever a Python file beside it changes: for development.
"""


def main() -> int:
    """The entry point of the console script."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        return run(arguments[1:])
    if not PROGRAM.is_file():
        print(
            "onceward: this package was built without the command line program (only `onceward run` is here); install a wheel, or build it with "
            "`cargo xtask test`",
            file=sys.stderr,
        )
        return 2
    os.execv(PROGRAM, [str(PROGRAM), *arguments])


def run(arguments: list[str]) -> int:
    """`onceward run`."""
    reload = "--reload" in arguments[:2]
    arguments = [argument for place, argument in enumerate(arguments) if place > 1 or argument != "--reload"]
    if not arguments or arguments[0].startswith("-"):
        wanted = arguments[:1] in (["--help"], ["-h"])
        print(USAGE, end="", file=sys.stdout if wanted else sys.stderr)
        return 0 if wanted else 2
    file = Path(arguments[0])
    if not file.is_file():
        print(f"onceward: {file} is not a file", file=sys.stderr)
        return 2
    if reload:
        return _reload(file, arguments)
    sys.argv = arguments
    sys.path.insert(0, str(file.resolve().parent))
    names = runpy.run_path(str(file), run_name="__main__")
    return _run_what_is_there(names)


def _run_what_is_there(names: dict[str, object]) -> int:
    from ._app import Consumer

    # A file that ran its consumer itself has nothing left to do.
    waiting = [app for app in names.values() if isinstance(app, Consumer) and not app.has_run]
    unique = list({id(app): app for app in waiting}.values())
    if len(unique) > 1:
        print("onceward: the file has several consumers and runs none of them; call run() for the one that is meant", file=sys.stderr)
        return 2
    for app in unique:
        app.run()
    return 0


def _reload(file: Path, arguments: list[str]) -> int:
    import signal
    import subprocess
    import time

    command = [sys.executable, "-m", "onceward", "run", *arguments]
    child = subprocess.Popen(command)
    seen = _stamps(file)
    ended = False

    def end(number: int, frame: object) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    try:
        while not ended:
            time.sleep(0.3)
            if (now := _stamps(file)) == seen:
                continue
            seen = now
            print(f"onceward: a file changed, {file} is started again", file=sys.stderr)
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                child.wait()
            child = subprocess.Popen(command)
    except KeyboardInterrupt:
        # A terminal tells all of its processes: a second signal would end the child without draining.
        return child.wait()
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    return child.wait()


def _stamps(file: Path) -> dict[Path, int]:
    found: dict[Path, int] = {}
    for path in file.resolve().parent.rglob("*.py"):
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            continue
    return found
