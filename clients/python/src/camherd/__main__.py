"""``python -m camherd``."""

import sys

from .cli import main

sys.exit(main())
