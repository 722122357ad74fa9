"""Prune: retention rules by age, number and size, from options or the policy of a cache."""
