"""What is to be trained, cut into shards, and what it will take."""
