"""The field's words: identifiers, studies, and the way from bytes to a radiograph; pure, no disk, no network."""
