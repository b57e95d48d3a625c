"""One short function per command, with its options and the lines that the shell prints of its result.

Beside them words.py has lines that several commands print, and describe.py the facts of `landscape info`. Modules of commands
load no heavy library when they are imported, so that `landscape --help` is quick.
"""
