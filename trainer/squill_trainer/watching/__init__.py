"""Learning by itself: folders are watched, and a training is started when pairs are new."""
