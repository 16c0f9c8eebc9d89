"""What the ports are made of: Postgres, S3, ciphers, decoders, tokens."""
