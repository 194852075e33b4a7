"""Characters as drawings: their appearance read from text, bodies, clothes, and character cards."""
