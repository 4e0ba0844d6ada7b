"""`python -m studio` is `python -m studio start`."""

import sys

from studio.cli import main

sys.exit(main())
