"""``python -m minirag_service.ready``: the health command of an image. Asks this container's own operations port.

Status 0 where ``/ready`` answers 200, else 1 with what it said. It loads nothing of the service: it runs every few seconds.
"""

import http.client
import os
import sys

ANYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # to ask, not to listen
PATIENCE = 3.0
"""Seconds."""


def main() -> None:
    """Ends the process."""
    host = os.environ.get("MINIRAG_OPERATIONS_HOST", "")
    port = os.environ.get("MINIRAG_OPERATIONS_PORT", "")
    if not port.isdecimal():
        sys.exit("MINIRAG_OPERATIONS_PORT is not set: there is no port to ask.")
    connection = http.client.HTTPConnection(ANYWHERE.get(host, host), int(port), timeout=PATIENCE)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"The operations port does not answer: {type(error).__name__}.")
    finally:
        connection.close()
    if answer.status != http.client.OK:
        sys.exit(said)
    sys.stdout.write(said + "\n")


if __name__ == "__main__":
    main()
