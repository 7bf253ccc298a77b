"""Parts that encoders are built from: thin adapters over library blocks."""

from models.torchvision_operators import declare_missing_operators

declare_missing_operators()  # open_clip, whose towers are used here, imports torchvision
