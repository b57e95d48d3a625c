"""`python -m landscape` is the command `landscape`.

Owns: that a process which cannot even load the command does not leave others waiting for it in the start of MPI.
"""

from __future__ import annotations


def main() -> int:
    """Runs one command and returns the exit status."""
    try:
        from landscape.cli.main import main
    except KeyboardInterrupt:  # before the handlers of signals stand
        from landscape.sweep.leaving import end_now

        end_now("stopped by Ctrl-C", 130)
    except Exception as error:
        from landscape.sweep.leaving import end_now

        end_now(f"the program does not load ({type(error).__name__}: {error}); install it again", 1)
    return main()


if __name__ == "__main__":
    raise SystemExit(main())
