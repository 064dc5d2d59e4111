"""``python -m minirag_local`` is the ``minirag`` command."""

import sys

from minirag_local.cli import main

sys.exit(main())
