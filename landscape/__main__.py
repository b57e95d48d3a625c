"""`python -m landscape` is the command `landscape`."""

from landscape.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
