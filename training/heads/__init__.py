"""Networks that only training needs, beside the towers that search with what they learned."""
