"""What IRRA, AGM-IRRA and SG-IHA train with in common."""
