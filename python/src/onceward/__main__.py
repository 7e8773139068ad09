"""`python -m onceward` is the `onceward` command."""

import sys

from ._cli import main

sys.exit(main())
