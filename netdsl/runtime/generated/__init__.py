"""Pictures drawn from a seed, with what is known of them: figures, films of them, roads, blobs, polygons."""
