"""One keyword-only function per command: the only place where the rooms are put together."""
