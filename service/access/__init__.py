"""Who may: API keys, their scopes and cameras, and what is open where there is no key."""
