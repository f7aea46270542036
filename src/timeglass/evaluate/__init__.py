"""Metrics, baselines, verdict, audit: how good a forecast is, and against what."""
