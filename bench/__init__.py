"""Speed against peers: `python -m bench`. Judged by ratios measured side by side, not by the clock alone."""
