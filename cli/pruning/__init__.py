"""Options, plans and the editor of prune and policy."""
