"""What the command line shows and does: progress, status, queries, exports. Reads only the published snapshot."""
