"""One short function per command, with its options and the lines that the shell prints of its result.

Modules here load no heavy library when they are imported, so that `landscape --help` is quick.
"""
