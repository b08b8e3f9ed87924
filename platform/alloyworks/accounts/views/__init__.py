"""Pages about people, keys and the organisation; allauth has those about one's own account."""
