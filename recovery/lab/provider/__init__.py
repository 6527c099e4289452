"""The lab's infrastructure provider: a few calls of the EC2 API over real copies of real bytes."""
