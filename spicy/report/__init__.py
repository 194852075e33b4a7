"""What a film became: its manifest for machines and its storyboard book for people."""
