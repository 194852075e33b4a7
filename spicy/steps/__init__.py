"""The six steps of a film, each a plain function over calls.

No step knows doit, SQLite or the terminal. Run again, a step replays its stored calls for $0 and ends in the
same bytes.
"""
