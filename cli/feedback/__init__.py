"""Feedback of running commands: progress, log lines, questions."""
