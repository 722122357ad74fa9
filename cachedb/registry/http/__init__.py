"""HTTP for registries: transport, headers, origins, proxies, deadlines and API errors."""
