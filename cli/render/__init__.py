"""Output of commands: lines, tables, answers, plans and progress."""
