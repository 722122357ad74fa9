"""Platforms: the model, matching and variants, as containerd/platforms defines them."""
