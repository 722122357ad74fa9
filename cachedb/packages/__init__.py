"""Software packages: versions and their order, package URLs, SBOM documents; no I/O."""
