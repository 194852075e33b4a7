"""The six steps of a film, each a plain function over calls.

No step knows doit, SQLite or the terminal. A step that is run again replays its stored calls for $0 and
produces the same bytes.
"""
