"""The longest wait of other requests beside a large body, which a prober measures."""
