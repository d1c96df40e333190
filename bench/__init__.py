"""Speed against peers: `python -m bench`. Judged by ratios measured side by side in one run, never by the clock alone."""
