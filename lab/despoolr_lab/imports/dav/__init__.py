"""What WebDAV servers write: access logs, in which a locked file is a status of 423."""
