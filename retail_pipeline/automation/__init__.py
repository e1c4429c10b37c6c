"""What runs by itself: the refresh job, its nightly schedule and the sensor for new drops."""
