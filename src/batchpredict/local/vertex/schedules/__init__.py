"""Schedules that start pipeline jobs."""
