"""One file per architecture; a card names its architecture by the name of the file.

What a file offers (``models/loading.py`` finds it by these names, and nothing is registered):

- ``assemble(model, *, device, precision) -> PersonEncoder``: always. Makes an encoder of a
  ``models.stored_model.StoredModel``, whose card names this file.
- ``recognises(shapes) -> bool`` and ``understand(checkpoint) -> PublishedModel``: where the
  architecture has published checkpoints of another layout. ``shapes`` maps the names of a file's
  tensors to their shapes.
- ``SCHEME`` and ``understand_name(name) -> PublishedModel``: where models have names that a
  source can state as ``SCHEME:name``.
"""

from models.torchvision_operators import declare_missing_operators

declare_missing_operators()
