"""Conversations with cells: events in, commands out."""
