"""``python -m minirag_admin`` is the ``minirag-admin`` command."""

import sys

from minirag_admin.cli import main

sys.exit(main())
