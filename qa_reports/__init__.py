"""Interviewer effects of a survey wave, estimated, flagged and reported. Read `pipeline.py` first."""

__version__ = "0.1.0"
