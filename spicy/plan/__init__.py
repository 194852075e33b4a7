"""Turns spec, recipe and story into nodes, keys, prices and reasons. Pure: no disk, no clock, no network."""
