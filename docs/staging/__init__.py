"""The pages that Sphinx reads: those of docs/, and those that are made of the project itself.

Owns: what becomes which page. Each file makes one kind of page as text; `python -m staging PAGES EXTRA` writes them all
into folders that git ignores, so that nothing generated lies beside what is written by hand. Knows no Sphinx: docs/conf.py does.
"""
