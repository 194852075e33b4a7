"""Clips: camera moves, weather, captions, sound, and the MP4 writer."""
