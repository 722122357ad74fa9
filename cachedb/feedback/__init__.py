"""Feedback of the library to its program: log records and progress reports."""
