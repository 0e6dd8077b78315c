"""The OpenAPI document: it follows the default model and the settings."""
