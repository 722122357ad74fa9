"""HTTP for registries: transport, headers, origins, deadlines and API errors."""
