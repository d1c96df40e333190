"""Pictures made by optimising or sampling."""
