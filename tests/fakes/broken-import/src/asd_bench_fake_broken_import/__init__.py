"""Two plugins of one distribution that cannot be imported."""
