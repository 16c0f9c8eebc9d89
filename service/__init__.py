"""me-images: reference photos of a person, handed to AI generation only with that person's consent."""

import os

# The log is JSON, and gRPC's core writes a line of another form for every handshake that fails, which anybody can
# cause. It reads this when it is imported.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
