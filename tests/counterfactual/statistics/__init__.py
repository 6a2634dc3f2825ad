"""What can be said of arms after so many samples."""
