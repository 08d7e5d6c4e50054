"""What the core brings along, declared through the same hooks as any plugin."""
