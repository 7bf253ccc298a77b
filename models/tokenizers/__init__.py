"""From descriptions to the numbers of word pieces that a text tower reads."""

from models.torchvision_operators import declare_missing_operators

declare_missing_operators()  # open_clip, whose tokenizer is used here, imports torchvision
