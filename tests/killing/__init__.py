"""Kill the services at random moments, and see that nothing they acknowledged is lost."""
