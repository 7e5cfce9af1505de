"""What tests do not want to wait for; loaded after the hub's own configuration."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.Authenticator.auth_refresh_age = 1
