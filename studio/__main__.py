"""`python -m studio` is `python -m studio start`."""

import sys

from studio.opening import main

sys.exit(main())
