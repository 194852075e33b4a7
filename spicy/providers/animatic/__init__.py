"""Offline previsualisation: a film that can be watched, to judge its pacing before paying for the real one.

Everything is drawn, composed and synthesised on this machine, from the words of the request and the
bytes of its input files alone, so the same request always gives the same bytes. Importing this package
is cheap; Pillow, numpy and PyAV are loaded by the first call that needs them.
"""

from spicy.providers.animatic.provider import AnimaticProvider

__all__ = ["AnimaticProvider"]
