"""The broker: OpenID provider and Passport broker (OpenID Connect Core 1.0, GA4GH AAI 1.2.1)."""
