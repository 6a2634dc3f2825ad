"""Runs through the front door: results, records, and what is said when something is wrong."""
