"""What a release leaves behind besides its bundle: an entry in the changelog, artifacts in the tracker."""
