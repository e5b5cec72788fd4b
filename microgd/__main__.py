"""`python -m microgd` is `microgd`."""

import sys

from .cli import main

sys.exit(main())
