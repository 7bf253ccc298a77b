"""Where crops come from: folders, archives and tables, local or in an object store."""
