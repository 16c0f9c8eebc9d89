"""Every limit that a caller can meet, in one place; the contract's comments state the same numbers."""

MAX_PHOTO_BYTES = 10 * 1024 * 1024
MAX_CHUNK_BYTES = 1024 * 1024
DOWNLOAD_CHUNK_BYTES = 3 * 87_381
"""Just under 256 KiB, measured best for grpcio; a multiple of 3, so that the base64 of chunks can be joined."""

MAX_MEGAPIXELS = 40
MAX_SIDE_PIXELS = 16_384

MAX_USER_ID_CHARACTERS = 128
MAX_LABEL_CHARACTERS = 200
MAX_TAGS = 32
MAX_TAG_CHARACTERS = 64
MAX_FILENAME_CHARACTERS = 255
MAX_PURPOSE_CHARACTERS = 200
MAX_NAMED_REFERENCES = 100
MAX_GENERATOR_CHARACTERS = 100
MAX_CALLER_CHARACTERS = 300

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
MAX_FULL_PAGE_SIZE = 50
"""A page with thumbnails stays under the 4 MiB that gRPC clients take by default."""
