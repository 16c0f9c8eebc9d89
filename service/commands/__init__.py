"""The commands of ``python -m service``, a module for each."""
