"""What MIA's stages train with."""
