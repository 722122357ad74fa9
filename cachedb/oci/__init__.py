"""The vocabulary of the OCI specs: values and parsers, with no I/O."""

from cachedb.oci.descriptor import Descriptor
from cachedb.oci.digest import Digest
from cachedb.oci.manifest import Index, Manifest
from cachedb.oci.media_type import MediaType
from cachedb.oci.platform.model import Platform
from cachedb.oci.reference import Reference

__all__ = ["Descriptor", "Digest", "Index", "Manifest", "MediaType", "Platform", "Reference"]
