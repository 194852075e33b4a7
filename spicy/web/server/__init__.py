"""The web application itself: start and stop, access control, errors, logging, cleanup."""
