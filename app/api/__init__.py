"""HTTP's face of the service: endpoints translate, and decide nothing."""
