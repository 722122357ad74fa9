"""OCI image layouts on disk: oci-layout, index.json and blobs; files, and no SQL."""
