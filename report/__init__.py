"""Building the report: the environment, the studies, and the one HTML file and PDF made of them."""
