"""Feedback of running commands: progress, log lines, confirmation."""
