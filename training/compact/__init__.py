"""What the compact dual encoder trains with, on rendered people."""
