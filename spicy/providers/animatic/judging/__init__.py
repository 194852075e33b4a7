"""Scoring pictures: similarity, and figures cut out of their background."""
