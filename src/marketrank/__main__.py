"""`python -m marketrank`."""

from marketrank.cli import main

main()
