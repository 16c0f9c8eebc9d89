"""`python -m meimage.cli`."""

from meimage.cli import main

main()
