"""Parsers of EXIF data, XMP packets and IPTC records, each with limits of its own."""
