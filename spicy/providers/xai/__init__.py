"""Grok through the xAI SDK: chats, stills, clips and corrections, each submitted exactly once.

Importing the package is cheap: gRPC and the SDK are loaded when the first call goes out.
"""

from __future__ import annotations

from spicy.providers.xai.faults import ReplyLost
from spicy.providers.xai.provider import RateSettings, RetryPolicy, SubmitRates, XaiProvider

__all__ = ["RateSettings", "ReplyLost", "RetryPolicy", "SubmitRates", "XaiProvider"]
