"""The words and rules of the pool: standard library only, no I/O."""
