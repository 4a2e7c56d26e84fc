"""Pictures as labs bring them: found safely in folders and archives, decoded, and encoded anew."""
