"""What a photo's pixels and metadata show, for a person who decides: as JSON, HTML and PDF. No torch."""
