"""The studio: a local web application that walks through networks. Thin routes over the library."""
