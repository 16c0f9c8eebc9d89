"""What a runner calls to restart the server: asks the test, on a loopback port, and waits until it serves again."""

import socket
import sys

SERVING = b"serving"

if __name__ == "__main__":
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=120) as asking:
        answer = asking.makefile("rb").read()
    sys.exit(0 if answer == SERVING else "the server did not come back")
