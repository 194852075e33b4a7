"""Backgrounds: the setting read from text, landscapes, towns, rooms and their light."""
