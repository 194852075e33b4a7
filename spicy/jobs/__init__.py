"""The job queue of `spicy serve`: what clients asked for, who works on it, and what became of it."""

from spicy.jobs.model import Claim, Job, JobState, Mode

__all__ = ["Claim", "Job", "JobState", "Mode"]
