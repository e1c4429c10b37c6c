"""The drops as they came."""
