"""Leaderboards: results into committed tables, tables into pages."""
