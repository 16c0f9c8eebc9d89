"""What the pool does: async functions over ports, without any driver or wire format."""
