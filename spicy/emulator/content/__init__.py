"""Answers and media that the emulator makes: stories, words, pictures, clips."""
