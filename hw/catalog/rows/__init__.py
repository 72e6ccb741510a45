"""The operators over rows."""
