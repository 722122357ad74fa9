"""An OCI image cache whose contents are a query away."""
