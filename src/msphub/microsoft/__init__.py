"""Partner Center, Microsoft Graph and Microsoft's login as one typed client. Knows nothing of msphub or Django."""
