"""The SQL side: tables, transactions, statements; SQL, and no files."""
