"""`python -m app` is the `safegrpo` command."""

from app.cli import main

main()
