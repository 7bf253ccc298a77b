"""Everything that can be wrong with what a user hands in, as one tree.

DescryError
├── ModelError              a model cannot be used
│   ├── ModelNotFound       nothing of that name or at that path
│   ├── CheckpointUnreadable  truncated, malicious, or not a checkpoint at all
│   └── CheckpointMismatch  readable, but its tensors do not fit the architecture
├── CropUnreadable          one image file cannot be decoded safely
├── BundleError             an index on disk cannot be used
│   ├── BundleNotFound      no published generation there
│   ├── BundleDamaged       a file is missing or its checksum differs
│   └── EncoderMismatch     built with another model
├── GalleryEmpty            no readable crop to build an index from
├── MetadataInvalid         a metadata or annotation file has wrong columns or values
└── ConfigurationInvalid    a setting or argument has a value that cannot work

Each message names the value that is wrong and the remedy. HTTP statuses are the business of
the service, exit codes that of the command lines.
"""

from collections.abc import Sequence

_NAMED_AT_MOST = 4


def first_few(names: Sequence[str]) -> str:
    """Return the first names, for a message that must stay readable, and whether there are more."""
    more = ", ..." if len(names) > _NAMED_AT_MOST else ""
    return ", ".join(names[:_NAMED_AT_MOST]) + more


class DescryError(Exception):
    """Something a user can mend; the message says how."""


class ModelError(DescryError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """There is no model of that name or at that path."""


class CheckpointUnreadable(ModelError):
    """A checkpoint file is truncated, unsafe to unpickle, or no checkpoint."""


class CheckpointMismatch(ModelError):
    """A checkpoint's tensors are missing, unexpected, or of the wrong shape."""


class CropUnreadable(DescryError):
    """An image file cannot be decoded, or decoding it would be unsafe."""


class BundleError(DescryError):
    """An index on disk cannot be used."""


class BundleNotFound(BundleError):
    """There is no published generation at that path."""


class BundleDamaged(BundleError):
    """A file of a generation is missing, or its checksum differs from the manifest's."""


class EncoderMismatch(BundleError):
    """The index was built with another model than the one given."""


class GalleryEmpty(DescryError):
    """There is no readable crop to build an index from."""


class MetadataInvalid(DescryError):
    """A metadata or annotation file lacks a column or holds a value that cannot be read."""


class ConfigurationInvalid(DescryError):
    """A setting or argument has a value that cannot work."""
