"""Pure: spec, recipe and story become nodes, keys, prices and reasons. No disk, no clock, no network."""
