"""The OpenAPI document, made from the routes, the default model's card and the settings."""
